"""``gandiag lab``."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("lab")
@click.argument("runs", nargs=-1, required=True, metavar="RUN [RUN]", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), default=Path("lab.html"), show_default=True, help="Page."
)
def command(runs: tuple[Path, ...], out: Path) -> int:
    """Make one page that replays a recorded run in the plane, or two runs side by side.

    RUN is a folder that a `gandiag.lab.LabRecorder` has written to, or `python -m reference_models train ... --lab 50`.
    """
    if len(runs) > 2:
        raise click.UsageError(f"A lab page shows one run, or two; got {len(runs)}.")
    from gandiag.lab import write_page

    if any(out.resolve() in (run.resolve(), (run / "lab.safetensors").resolve()) for run in runs):
        raise click.UsageError(f"{out} would be written over a run. Name another file.")
    write_page(runs, out)
    click.echo(f"wrote {out}", err=True)
    return 0
