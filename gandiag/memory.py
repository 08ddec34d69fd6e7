"""Whether a run will fit into memory, asked before it begins: a job that is killed half-way tells nobody why."""

from __future__ import annotations

from pathlib import Path

from gandiag.errors import ResourceLimitError

_MEMINFO = Path("/proc/meminfo")
_CGROUPS = (
    (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")),
    (Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"), Path("/sys/fs/cgroup/memory/memory.usage_in_bytes")),
)
# Copies of a value that a comparison holds at its worst: as drawn, as a feature, pooled, and in work.
COPIES = 4


def available_bytes() -> int | None:
    """Say how much memory this process may still take: the machine's, or the container's where that is less.

    Returns
    -------
    int or None
        None where the system does not tell.
    """
    found = [free for free in (_free_of_machine(), *(_free_of_group(*files) for files in _CGROUPS)) if free is not None]
    return min(found) if found else None


def require_memory(values: int, *, what: str) -> None:
    """Refuse a comparison of so many numbers where it cannot fit.

    Parameters
    ----------
    values : int
        Numbers on all sides together.
    what : str
        What is refused, in words: the beginning of the message.

    Raises
    ------
    ResourceLimitError
        With what is needed and what there is.
    """
    needed, free = 8 * COPIES * values, available_bytes()
    if free is not None and needed > free:
        raise ResourceLimitError(
            f"{what} must fit into the memory that is free, {_told(free)}",
            received=f"a need of some {_told(needed)}",
            remedy="Ask for fewer rows with n, or for smaller features.",
        )


def _told(size: int) -> str:
    return f"{size / 2**30:.3g} GiB" if size >= 2**30 else f"{size / 2**20:.3g} MiB"


def _free_of_machine() -> int | None:
    for line in _text(_MEMINFO).splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return None


def _free_of_group(limit: Path, usage: Path) -> int | None:
    most, used = _text(limit).strip(), _text(usage).strip()
    # "max" and absurdly large numbers mean that there is none.
    if not most.isdigit() or not used.isdigit() or int(most) > 2**60:
        return None
    return max(0, int(most) - int(used))


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
