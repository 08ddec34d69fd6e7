"""``gandiag merge``."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("merge")
@click.argument("parts", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--json", "json_path", type=click.Path(dir_okay=False, path_type=Path), help="Write the report here.")
@click.option("--html", "html_path", type=click.Path(dir_okay=False, path_type=Path), help="Write one page here.")
def command(parts: tuple[Path, ...], json_path: Path | None, html_path: Path | None) -> int:
    """Make one report of the PARTS that gandiag score --shard wrote, one of every shard.

    Shards that are missing, given twice or of another run are refused by name.
    """
    from gandiag.cli._terminal import exit_code, write_and_print
    from gandiag.sharding import merge

    places = {path.resolve() for part in parts for path in (part, part.with_suffix(".safetensors"))}
    for path in (json_path, html_path):
        if path is not None and {path.resolve(), path.resolve().with_suffix(".safetensors")} & places:
            raise click.UsageError(f"{path} would be written over a part. Name another file for the report.")
    report = merge(parts)
    write_and_print(report, json_path, html_path)
    return exit_code(report)
