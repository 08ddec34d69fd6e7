"""Shards that are ranks of ``torch.distributed``: states travel between processes, rows never do.

``torchrun -m gandiag score REAL FAKE`` starts as many processes as it is asked to; each is one shard, and the first
prints the report. States are small and travel over gloo, as plain bytes, also where the work is done on GPUs.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from gandiag.errors import ConfigError, IntegrityError
from gandiag.shards.parts import Part

_MEETING = ("MASTER_ADDR", "MASTER_PORT")
_HOURS = 24  # that a rank may wait for a slower one


def rank_of_process() -> tuple[int, int] | None:
    """Read which of how many ranks this process is, from its process group or else from its environment."""
    dist = sys.modules.get("torch.distributed")
    if dist is not None and dist.is_available() and dist.is_initialized():
        return (dist.get_rank(), dist.get_world_size()) if dist.get_world_size() > 1 else None
    return rank_of_environment()


def rank_of_environment() -> tuple[int, int] | None:
    """Read which of how many ranks this process is, from 0; None where it is alone.

    Raises
    ------
    ConfigError
        For an environment that names one and not the other, or a rank beyond the number of ranks.
    """
    rank, world = os.environ.get("RANK"), os.environ.get("WORLD_SIZE")
    if world is None or (rank is None and world == "1"):
        return None
    try:
        found = int(rank or ""), int(world)
    except ValueError:
        found = (-1, 0)
    if not 0 <= found[0] < found[1]:
        raise ConfigError(
            "RANK and WORLD_SIZE must say which of how many processes this is",
            received=f"RANK={rank}, WORLD_SIZE={world}",
            remedy="Start with torchrun, or unset both.",
        )
    return found if found[1] > 1 else None


@contextmanager
def group(rank: int, world: int, *, init_method: str | None = None) -> Iterator[Any]:
    """Join the process group for the time of a score; a group that is there already is used and left as it is.

    Parameters
    ----------
    rank, world : int
    init_method : str, optional
        As in `torch.distributed.init_process_group`; the environment of torchrun when absent.

    Raises
    ------
    ConfigError
        When the environment does not say where the ranks meet.
    """
    import torch.distributed as dist

    if dist.is_initialized():
        # Over the default group states might have to go through a GPU; a group of our own goes through the host.
        own = dist.new_group(backend="gloo")
        try:
            yield own
        finally:
            dist.destroy_process_group(own)
        return
    if init_method is None and (missing := [name for name in _MEETING if not os.environ.get(name)]):
        raise ConfigError(
            "ranks must be told where they meet",
            received=f"RANK={rank}, WORLD_SIZE={world}, and no {' and no '.join(missing)}",
            remedy="Start with torchrun, or unset RANK and WORLD_SIZE to score in one process.",
        )
    dist.init_process_group(
        "gloo", rank=rank, world_size=world, init_method=init_method, timeout=timedelta(hours=_HOURS)
    )
    try:
        yield None
    finally:
        dist.destroy_process_group()


def gathered(part: Part, among: Any) -> list[Part]:
    """Bring the parts of all ranks to every rank, in the order of the ranks.

    Raises
    ------
    IntegrityError
        When a rank ended before its part was there: it raised, or was killed.
    """
    try:
        found = _exchanged(part.to_bytes(), among)
    except RuntimeError as error:
        raise IntegrityError(
            "every rank must bring its part of the score",
            received=f"{type(error).__name__}: {str(error)[:200]}",
            remedy="See what another rank has printed: one that fails or is killed ends the others.",
        ) from error
    return [Part.from_bytes(data, name=f"rank {rank}") for rank, data in enumerate(found)]


def _exchanged(data: bytes, among: Any) -> list[bytes]:
    import torch
    import torch.distributed as dist

    world = dist.get_world_size(among)
    sizes = [torch.zeros(1, dtype=torch.int64) for _ in range(world)]
    dist.all_gather(sizes, torch.tensor([len(data)], dtype=torch.int64), group=among)
    longest = max(int(size) for size in sizes)
    mine = torch.zeros(longest, dtype=torch.uint8)
    mine[: len(data)] = torch.frombuffer(bytearray(data), dtype=torch.uint8)
    found = [torch.empty(longest, dtype=torch.uint8) for _ in range(world)]
    dist.all_gather(found, mine, group=among)
    return [bytes(one[: int(size)].numpy()) for one, size in zip(found, sizes, strict=True)]


def use_own_device() -> None:
    """Take the GPU that torchrun gives to this rank, where there are any."""
    import torch

    if torch.cuda.is_available() and os.environ.get("LOCAL_RANK", "").isdigit():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]) % torch.cuda.device_count())
