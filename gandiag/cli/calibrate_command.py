"""``gandiag calibrate``."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from gandiag.calibration.records import Record

_PATH = click.Path(dir_okay=False, path_type=Path)


@click.command("calibrate")
@click.argument("metrics", nargs=-1)
@click.option("--repetitions", type=click.IntRange(min=50), help="Per law. 2000 when absent, 500 for dear metrics.")
@click.option(
    "--law", "laws", multiple=True, help="Law that both sides share; may be repeated.  [default: normal, ties]"
)
@click.option("--rows", type=click.IntRange(min=20), help="Of each side, for dear metrics.  [default: 100 mostly]")
@click.option("--power/--no-power", default=True, show_default=True, help="Try the seven faults as well.")
@click.option("--json", "json_path", type=_PATH, help="Add the records to this file.")
@click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Processes.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option("--markdown", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Print these records.")
@click.option("--page", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Write the tables in here.")
def command(
    metrics: tuple[str, ...],
    repetitions: int | None,
    laws: tuple[str, ...],
    rows: int | None,
    power: bool,
    json_path: Path | None,
    jobs: int,
    seed: int,
    markdown: Path | None,
    page: Path | None,
) -> int:
    """Simulate whether the p-values of METRICS keep their level, and what they see.

    METRICS are names, topics (transport, …), all, or a spec of your own as module:attribute. Real and fake share one
    law in every repetition: p ≤ 0.05 may then happen in at most 5 % of them, within exact binomial limits. The exit
    code is 1 when a level is not kept, or when the same check does not reject a spoiled copy of the test.

    With --markdown FILE and no METRICS, the tables of the records in FILE are printed, or written into --page.
    """
    if markdown is not None and not metrics:
        return _show(markdown, page)
    if page is not None or markdown is not None:
        raise click.UsageError("--markdown and --page go with records, without METRICS.")
    if not metrics:
        raise click.UsageError("Name at least one metric, a topic, or all.")
    study = {"repetitions": repetitions, "rows": rows, "power": power, "seed": seed}
    found: list[Record] = []
    try:
        _calibrate(found, metrics, laws, json_path, jobs, study)
    finally:
        if found:  # what is done is shown, whatever ends the rest
            _print(found)
    return 0 if all(record.good for record in found) else 1


def _calibrate(
    found: list[Record],
    metrics: tuple[str, ...],
    laws: tuple[str, ...],
    json_path: Path | None,
    jobs: int,
    study: dict[str, Any],
) -> None:
    from gandiag.calibration.laws import TABLE, law_named
    from gandiag.calibration.records import add_records
    from gandiag.calibration.study import calibrated, named, resolved
    from gandiag.calibration.workers import Workers
    from gandiag.cli._terminal import progress_bar

    chosen = named(metrics)
    for name in (*chosen, *laws):
        law_named(name) if name in laws else resolved(name)  # a typing error is told before the work begins
    if json_path is not None:
        add_records(json_path, [])  # a place that takes no records is told before the work begins, too
    with Workers(jobs).running() as workers, progress_bar() as progress:
        for name in chosen:
            start = time.perf_counter()

            def tell(step: str, done: int, total: int, name: str = name) -> None:
                progress(f"{name}: {step}", done, total)

            records = calibrated(name, laws=laws or TABLE, workers=workers, tell=tell, **study)
            found += records
            if json_path is not None:
                add_records(json_path, records)
            word = "kept" if all(record.good for record in records) else "NOT KEPT"
            click.echo(f"{name}: {word}, {time.perf_counter() - start:.0f} s", err=True)


def _print(records: list[Record]) -> None:
    from gandiag.calibration.page import as_text, level_rows, power_rows

    click.echo(as_text(level_rows(records)))
    power = power_rows(records)
    if len(power) > 1:
        click.echo(f"\nShare of p ≤ 0.05 in per cent, at three severities of each fault:\n{as_text(power)}")


def _show(path: Path, page: Path | None) -> int:
    """Print the tables of a store, or write them into a page, and tell what is stale."""
    from gandiag.calibration.page import as_markdown, write_page
    from gandiag.calibration.records import is_stale, read_records
    from gandiag.core.specs import METRICS

    records = read_records(path)
    stale = sorted({record.metric for record in records if is_stale(record)})
    missing = sorted(set(METRICS.names()) - {record.metric for record in records})
    for word, names in (("stale, the source has changed since", stale), ("not calibrated", missing)):
        if names:
            click.echo(f"{word}: {' '.join(names)}", err=True)
    if page is None:
        click.echo(as_markdown(records))
    else:
        write_page(page, records)
        click.echo(f"wrote {page}", err=True)
    return 0
