"""``gandiag plot``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from gandiag.api import Report


@click.command("plot")
@click.argument("report", type=click.Path(exists=True, path_type=Path))
@click.argument("kind", required=False)
@click.option("--fake", help="Name or number, from 0, of the sampler. The first when absent.")
@click.option("--venue", help="neurips, icml, iclr, cvpr, aistats, jmlr, tmlr, ieee, acm, nature, or one of tueplots.")
@click.option("--columns", type=click.IntRange(1, 2), default=1, show_default=True, help="Of the venue's page.")
@click.option("--metric", help="For figures of one metric.")
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="KIND.pdf when absent; .svg .png .pgf .eps."
)
@click.option("--csv", is_flag=True, help="Write the numbers that are drawn beside the figure.")
def command(
    report: Path,
    kind: str | None,
    fake: str | None,
    venue: str | None,
    columns: int,
    metric: str | None,
    out: Path | None,
    csv: bool,
) -> int:
    """Draw one figure of a REPORT.json, or of the folder of a run that was watched, or of a reference model.

    Without KIND: list what can be drawn.
    """
    from gandiag.api import Report

    if report.is_dir() or report.suffix == ".jsonl":
        return _of_run(report, kind, fake=fake, metric=metric, out=out, csv=csv, venue=venue, columns=columns)
    found = Report.read(report)
    number = _number(found, fake)
    if kind is None:
        for name, summary in found.plots(number):
            click.echo(f"{name:24} {summary}")
        return 0
    path = out or Path(f"{kind}.pdf")
    if path.resolve() in (report.resolve(), report.resolve().with_suffix(".safetensors")):
        raise click.UsageError(f"{path} would be written over the report. Name another file.")
    options = {} if metric is None else {"metric": metric}
    written = found.plot(kind, path, fake=number, venue=venue, columns=columns, csv=csv, **options)
    click.echo(f"wrote {' and '.join(map(str, written))}", err=True)
    return 0


def _of_run(
    run: Path, kind: str | None, *, fake: str | None, metric: str | None, out: Path | None, csv: bool, **style: Any
) -> int:
    """Draw a figure of the history of a run, or list what there is."""
    from gandiag.monitor.figure import drawable, write_run

    if fake is not None:
        raise click.UsageError("--fake goes with a report: a run has one sampler.")
    if kind is None:
        for name, summary in drawable(run):
            click.echo(f"{name:24} {summary}")
        return 0
    path = out or Path(f"{kind}.pdf")
    written = write_run(run, kind, path, csv=csv, metric=metric, **style)
    click.echo(f"wrote {' and '.join(map(str, written))}", err=True)
    return 0


def _number(report: Report, fake: str | None) -> int:
    """Find the sampler that is meant."""
    names = [sampler.name for sampler in report.fakes]
    if fake is None:
        return 0
    if fake in names:
        return names.index(fake)
    if fake.isdecimal() and int(fake) < len(names):
        return int(fake)
    raise click.UsageError(f"--fake must be one of {', '.join(names)}, or a number below {len(names)}; got {fake}.")
