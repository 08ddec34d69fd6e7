"""``gandiag table``."""

from __future__ import annotations

from pathlib import Path

import click

FORMS = ("latex", "markdown", "csv")


@click.command("table")
@click.argument("report", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--format", "form", type=click.Choice(FORMS), default="latex", show_default=True)
@click.option("--metrics", help="Columns, in this order, separated by commas. All that were measured when absent.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write there instead of printing.")
def command(report: Path, form: str, metrics: str | None, out: Path | None) -> int:
    """Make a table of a REPORT.json: a row per sampler, a column per metric.

    The best number of a column is bold only where it is significantly best; those that cannot be told apart from it
    are underlined. CSV is in long form, one row per sampler and metric.
    """
    from gandiag.api import Report
    from gandiag.core.files import write_files

    found = Report.read(report)
    write = {"latex": found.to_latex, "markdown": found.to_markdown, "csv": found.to_csv}[form]
    text = write(None if metrics is None else [m.strip() for m in metrics.split(",") if m.strip()])
    if out is None:
        click.echo(text, nl=False)
        return 0
    if out.resolve() in (report.resolve(), report.resolve().with_suffix(".safetensors")):
        raise click.UsageError(f"{out} would be written over the report. Name another file.")
    write_files({out: text.encode()}, what="a table")
    click.echo(f"wrote {out}", err=True)
    return 0
