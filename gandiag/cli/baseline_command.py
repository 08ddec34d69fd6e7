"""``gandiag baseline``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gandiag.cli._downloads import allow_download
from gandiag.cli._outputs import refuse_clashes

if TYPE_CHECKING:
    from gandiag.gate.changes import Change

_FILE = click.Path(dir_okay=False, path_type=Path)


def _sources(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say what is measured."""
    options = (
        click.option("--config", type=_FILE, help="A gandiag.toml or pyproject.toml with the policy."),
        click.option("--gate", help="Which gate of the file, where it holds several."),
        click.option("--train", help="What the generator was trained on."),
        click.option(
            "--labels", type=click.Path(exists=True, dir_okay=False), help="A .npy file: classes of real rows."
        ),
        click.option("--latent", help="Latent of a bare generator module: normal:128, uniform:100."),
        click.option("--batch-size", type=click.IntRange(min=1), help="Rows per call of a generator."),
        click.option("--device", help="cuda does the heavy work there; cpu does not."),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.group("baseline")
def command() -> None:
    """Keep what a sampler was when it was accepted, and see what has changed since.

    A gate holds later samplers against it: 'recall not worse than baseline'.
    """


@command.command("update")
@click.argument("real", required=False)
@click.argument("fake", required=False)
@click.option("--out", type=_FILE, help="The JSON file; the rows go beside it.  [default: the policy's baseline]")
@click.option("--metrics", help="Names or topics, separated by commas, in the place of those of the policy.")
@click.option("--n", type=click.IntRange(min=20), help="Rows per side.  [default: 2500]")
@click.option("--seed", type=click.IntRange(min=0), help="[default: 0]")
@click.option("--features", help="A feature map; see: gandiag list features.")
@allow_download
@_sources
def update(real: str | None, fake: str | None, labels: str | None, metrics: str | None, **asked: Any) -> int:
    """Measure FAKE against REAL, and write what later samplers are held against. Commit both files."""
    import gandiag
    from gandiag.cli._terminal import progress_bar, stdout_for_results_only

    names = None if metrics is None else [m.strip() for m in metrics.split(",") if m.strip()]
    if asked["out"] is not None:
        read = (real, fake, labels, asked["train"], asked["config"])
        refuse_clashes({"out": asked["out"]}, read, what="a baseline")
    with stdout_for_results_only(), progress_bar() as progress:
        baseline = gandiag.update_baseline(
            real, fake, metrics=names, progress=progress, **_given(asked), **_labels(labels)
        )
    click.echo(f"baseline of {baseline.fake}: {len(baseline.metrics)} metrics, {len(baseline.rows)} rows")
    return 0


@command.command("diff")
@click.argument("before", type=_FILE)
@click.argument("after", type=_FILE, required=False)
@click.option("--real", help="The real source. Two files are compared without p-values where it is not given.")
@click.option("--fake", help="The sampler as it is now, where there is no second file.")
@_sources
def diff(before: Path, after: Path | None, labels: str | None, **asked: Any) -> int:
    """Say what has changed between the baseline BEFORE and AFTER, or the sampler as it is now.

    A table and no verdict: the exit code is 0 whatever it says. To judge, write conditions for `gandiag check`.
    """
    import gandiag
    from gandiag.cli._terminal import progress_bar, stdout_for_results_only

    with stdout_for_results_only(), progress_bar() as progress:
        changes = gandiag.diff_baseline(before, after, progress=progress, **_given(asked), **_labels(labels))
    _print(changes)
    return 0


def _given(asked: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in asked.items() if value is not None}


def _labels(path: str | None) -> dict[str, Any]:
    import gandiag.api

    return {} if path is None else {"labels": gandiag.api.read_labels(path)}


def _print(changes: tuple[Change, ...]) -> None:
    """Print one line per metric, and under the table why anything is lacking."""
    header = ("metric", "baseline", "now", "change", "", "p")
    rows = [header, *(_cells(each) for each in changes)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(header))]
    for row in rows:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    for why in dict.fromkeys(f"{c.metric}: {c.why}" if c.word == "unknown" else c.why for c in changes if c.why):
        click.echo(why)


def _cells(change: Change) -> tuple[str, ...]:
    numbers = [_number(value) for value in (change.before, change.now)]
    signed = "-" if change.change is None else f"{change.change:+.3g}"
    return (change.metric, *numbers, signed, change.word, "-" if change.p_value is None else f"{change.p_value:.3g}")


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.5g}"
