"""``gandiag merge``."""

from __future__ import annotations

from pathlib import Path

import click

from gandiag.cli._outputs import Outputs, report_files


@click.command("merge")
@click.argument("parts", nargs=-1, required=True, type=click.Path(path_type=Path))
@report_files
def command(parts: tuple[Path, ...], outputs: Outputs) -> int:
    """Make one report of the PARTS that gandiag score --shard wrote, one of every shard.

    Shards that are missing, given twice or of another run are refused by name.
    """
    from gandiag.cli._terminal import exit_code, write_and_print
    from gandiag.sharding import merge

    outputs.refuse_clashes(path for part in parts if part.name for path in (part, part.with_suffix(".safetensors")))
    report = merge(parts)
    write_and_print(report, outputs)
    return exit_code(report)
