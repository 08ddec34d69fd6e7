"""``gandiag check``."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gandiag.cli._downloads import allow_download
from gandiag.cli._outputs import refuse_clashes

if TYPE_CHECKING:
    from gandiag.core.verdict import Verdict

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command("check")
@click.argument("real", required=False)
@click.argument("fake", required=False)
@click.option("--config", type=_FILE, help="A gandiag.toml or pyproject.toml. The nearest one when nothing is named.")
@click.option("--gate", help="Which gate of the file, where it holds several.")
@click.option("--require", multiple=True, help="A condition, in the place of the policy's; once for each.")
@click.option(
    "--baseline", type=_FILE, help="What `gandiag baseline update` wrote, for 'recall not worse than baseline'."
)
@click.option("--train", help="What the generator was trained on: switches the memorisation test on.")
@click.option("--labels", type=click.Path(exists=True, dir_okay=False), help="A .npy file: the class of each real row.")
@click.option("--alpha", type=float, help="Chance that a sampler with nothing wrong fails.  [default: 0.001]")
@click.option(
    "--n",
    "--budget",
    "n",
    type=click.IntRange(min=20),
    help="Rows per side; with --sequential at most.  [default: 2500]",
)
@click.option(
    "--sequential/--no-sequential", default=None, help="Draw FAKE in blocks; stop once laws are seen to differ."
)
@click.option("--block", type=click.IntRange(min=1), help="Rows per block.  [default: 50]")
@click.option("--seed", type=click.IntRange(min=0), help="[default: 0]")
@click.option("--features", help="A feature map; see: gandiag list features.")
@allow_download
@click.option("--latent", help="Latent of a bare generator module: normal:128, uniform:100.")
@click.option("--batch-size", type=click.IntRange(min=1), help="Rows per call of a generator.")
@click.option("--timeout", type=click.FloatRange(min=0, min_open=True), help="Seconds that drawing the fake may take.")
@click.option("--draw-twice", is_flag=True, help="Draw the fake twice under one seed, and note what differs.")
@click.option("--device", help="cuda does the heavy work there; cpu does not.")
@click.option("--strict/--no-strict", default=None, help="Whether an inconclusive run exits with 1.")
@click.option("--format", "form", default="auto", show_default=True, help="text, github, json, markdown, junit, ...")
@click.option("--json", "json_path", type=_FILE, help="Write the verdict here.")
@click.option("--junit", "junit_path", type=_FILE, help="Write JUnit XML here.")
@click.option("--markdown", "markdown_path", type=_FILE, help="Write a table here.")
@click.option("--openmetrics", "openmetrics_path", type=_FILE, help="Write gauges for GitLab here.")
@click.option("--html", "html_path", type=_FILE, help="Write the verdict, and what it rests on, as a page here.")
@click.option("--self-test", is_flag=True, help="Hold REAL against itself at alpha 0.05 and 0.01: no FAKE is judged.")
@click.option("--runs", type=click.IntRange(min=1), help="Of the self-test.  [default: 150]")
@click.option("--jobs", type=click.IntRange(min=1), help="Processes of the self-test.  [default: 1]")
@click.option("--validate", is_flag=True, help="Read the configuration, or --gate of it, and stop.")
def command(
    real: str | None,
    fake: str | None,
    config: Path | None,
    gate: str | None,
    require: tuple[str, ...],
    labels: str | None,
    latent: str | None,
    batch_size: int | None,
    timeout: float | None,
    draw_twice: bool,
    validate: bool,
    self_test: bool,
    runs: int | None,
    jobs: int | None,
    form: str,
    json_path: Path | None,
    junit_path: Path | None,
    markdown_path: Path | None,
    openmetrics_path: Path | None,
    html_path: Path | None,
    **asked: Any,
) -> int:
    """Judge whether FAKE may pass, held against REAL: pass, fail or inconclusive, with a declared false-alarm rate.

    Sources are as for `gandiag score`. Without them, the nearest gandiag.toml (or pyproject.toml with [tool.gandiag])
    says what is compared. Exit codes: 0 pass or inconclusive, 1 fail (or inconclusive with --strict), 2 configuration,
    3 data or sampler, 4 numerical, 5 a limit was reached.
    """
    if validate:
        from gandiag.cli._validation import validated

        return validated(config, gate)
    if self_test or runs is not None or jobs is not None:
        from gandiag.cli._self_test import self_tested

        named = {"config": config, "gate": gate, "require": list(require) or None, "runs": runs, "jobs": jobs}
        return self_tested(real, labels, asked | named, flag=self_test, others={"FAKE": fake, "--latent": latent})
    import gandiag.api
    from gandiag.cli._terminal import progress_bar, stdout_for_results_only
    from gandiag.gate.formats import chosen

    form = chosen(form, os.environ)  # a name that does not exist must not be found out at the end
    files = {"json": json_path, "junit": junit_path, "markdown": markdown_path, "openmetrics": openmetrics_path}
    read = (real, fake, config, labels, asked.get("train"), asked.get("baseline"))
    refuse_clashes(_given(files | {"html": html_path}), read, what="a verdict")
    opening = {"latent": latent, "batch_size": batch_size, "timeout": timeout, "draw_twice": draw_twice or None}
    with stdout_for_results_only(), progress_bar() as progress:
        verdict = gandiag.check(
            real,
            fake,
            config=config,
            gate=gate,
            require=list(require) or None,
            labels=None if labels is None else gandiag.api.read_labels(labels),
            progress=progress,
            **{key: value for key, value in (asked | opening).items() if value is not None},
        )
    try:
        _write(verdict, _given(files), html_path)
    finally:
        _tell(verdict, form)
    return verdict.exit_code


def _given(files: Mapping[str, Path | None]) -> dict[str, Path]:
    return {name: path for name, path in files.items() if path is not None}


def _write(verdict: Verdict, files: Mapping[str, Path], html_path: Path | None) -> None:
    """Write what was asked for, each file whole or not at all."""
    from gandiag.gate.formats import write

    for name, path in files.items():
        write([verdict], path, name)
        click.echo(f"wrote {path}", err=True)
    if html_path is not None:
        from gandiag.report.html import write_verdict

        write_verdict(verdict, html_path)
        click.echo(f"wrote {html_path}", err=True)


def _tell(verdict: Verdict, form: str) -> None:
    """Print the verdict, and add it to the summary of a job on GitHub."""
    from gandiag.gate.formats import rendered
    from gandiag.gate.formats.github import add_summary

    click.echo(rendered([verdict], form), nl=False)
    if form == "github":
        try:
            add_summary([verdict], os.environ)
        except OSError as error:  # the verdict stands, with its own exit code
            click.echo(f"gandiag: warning: the summary of the job was not written: {error}", err=True)
    if verdict.outcome == "inconclusive":
        click.echo("gandiag: warning: inconclusive: each open condition says what would decide it", err=True)
