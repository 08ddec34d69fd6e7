"""``gandiag demo``."""

from __future__ import annotations

from pathlib import Path

import click

REAL = "data:digits?split=third1"
TRAIN = "data:digits?split=third2"
HELD_OUT = "data:digits?split=third3"
SAMPLERS = {
    "healthy: held-out digits": HELD_OUT,
    "three digits dropped": f"{HELD_OUT}!drop_modes=3",
    "duplicates": f"{HELD_OUT}!duplicate=0.3",
    "memoriser": f"{TRAIN}!memorise=1",
    "shrunken": f"{HELD_OUT}!shrink=0.5",
    "99 % noise": f"{HELD_OUT}!noise=0.99",
}


@click.command("demo")
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), default=Path("gandiag-demo"), show_default=True
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
def command(out: Path, seed: int) -> int:
    """Score a healthy sampler of digits and five broken ones; write report.html and report.json."""
    import gandiag
    from gandiag.cli._terminal import exit_code, print_report, progress_bar

    click.echo("Scoring six samplers of 8x8 digits against held-out digits.", err=True)
    out.mkdir(parents=True, exist_ok=True)  # before the work: a place that cannot be written to is told at once
    with progress_bar() as progress:
        report = gandiag.score(REAL, SAMPLERS, train=TRAIN, seed=seed, progress=progress)
    try:
        report.to_json(out / "report.json")
        report.to_html(out / "report.html")
        click.echo(f"wrote {out / 'report.html'} and {out / 'report.json'}", err=True)
    finally:
        print_report(report)
    return exit_code(report)
