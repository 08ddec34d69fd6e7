"""``gandiag score --shard i/k``, and ``gandiag score`` under torchrun."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from gandiag.cli._outputs import Outputs


def shard_of(text: str) -> tuple[int, int]:
    """Read ``3/16``."""
    found = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", text)
    if found is None or not 1 <= int(found[1]) <= int(found[2]):
        raise click.UsageError(f"--shard must be i/k with 1 <= i <= k, such as 3/16; got {text}.")
    return int(found[1]), int(found[2])


def one_fake(fakes: tuple[str, ...], others: Mapping[str, object]) -> dict[str, str]:
    """Refuse what has no meaning where a score is merged from states."""
    if len(fakes) != 1:
        raise click.UsageError("a sharded score is of one FAKE: run the shards of each by themselves.")
    for name, value in others.items():
        if value:
            raise click.UsageError(f"{name} has no meaning where a score is merged from states: leave it out.")
    from gandiag.api import shown

    return {shown(fakes[0]): fakes[0]}


def scored_in_shards(
    real: str,
    fakes: tuple[str, ...],
    shard: str | None,
    outputs: Outputs,
    others: Mapping[str, object],
    asked: Mapping[str, Any],
) -> int:
    """Score the shard that is named, or the one of this rank."""
    fake = one_fake(fakes, others)
    if shard is None:
        return _score_as_rank(real, fake, outputs, asked)
    for form in outputs.files.keys() - {"json"}:
        raise click.UsageError(f"--{form} goes with gandiag merge: a shard has no report.")
    return _write_shard(real, fake, shard_of(shard), outputs.files.get("json"), asked)


def _write_shard(
    real: str, fake: Mapping[str, str], shard: tuple[int, int], path: Path | None, asked: Mapping[str, Any]
) -> int:
    """Score one shard and write its part."""
    from gandiag.cli._terminal import progress_bar, stdout_for_results_only
    from gandiag.sharding import score_shard
    from gandiag.shards.parts import require_place, write_part

    if path is None:
        raise click.UsageError("--shard needs --json: the file of this shard, for gandiag merge.")
    require_place(path)
    with stdout_for_results_only(), progress_bar() as progress:
        part = score_shard(real, fake, shard, progress=progress, **asked)
    write_part(part, path)
    count, states = len(part.blocks), path.with_suffix(".safetensors").name
    blocks = f"{count} {'block' if count == 1 else 'blocks'} of shard {shard[0]}/{shard[1]}"
    click.echo(f"wrote {path} and {states}: {blocks}")
    return 0


def _score_as_rank(real: str, fake: Mapping[str, str], outputs: Outputs, asked: Mapping[str, Any]) -> int:
    """Score as one rank; the first prints and writes the report."""
    from gandiag.cli._terminal import exit_code, progress_bar, stdout_for_results_only, write_and_print
    from gandiag.sharding import score_ranks
    from gandiag.shards.ranks import rank_of_environment

    place = rank_of_environment()
    with stdout_for_results_only(), progress_bar() as progress:
        report = score_ranks(real, fake, progress=progress, **asked)
    if place is not None and place[0] == 0:
        write_and_print(report, outputs)
    return exit_code(report)
