"""Names of several files written as one: ``shard-{000..010}.tar``, ``{train,extra}.tar``, ``shards/*.tar``."""

from __future__ import annotations

import glob
import os
import re
from pathlib import Path

from gandiag.errors import FileFormatError, ResourceLimitError, TooFewSamplesError
from gandiag.samplers._npy import missing

MOST_SHARDS = 100_000

_BRACES = re.compile(r"\{([^{}]*)\}")
_RANGE = re.compile(r"([0-9]{1,9})\.\.([0-9]{1,9})")


def is_pattern(path: Path) -> bool:
    """Tell whether a path stands for several shards."""
    return path.suffix.lower() == ".tar" and any(mark in path.name for mark in "*?[{")


def shards_of(path: Path, *, name: str) -> list[Path]:
    """List the shards that a path stands for: braces in their order, wildcards sorted by bytes.

    Raises
    ------
    FileFormatError
        For a shard of a range that is not there.
    TooFewSamplesError
        For wildcards that fit nothing.
    """
    if not is_pattern(path) or path.exists():
        return [path]
    found: list[Path] = []
    for text in _expanded(str(path), name=name):
        if any(mark in text for mark in "*?["):
            found += [Path(hit) for hit in sorted(glob.glob(text), key=os.fsencode)]  # noqa: PTH207 - text, not a path
        elif not Path(text).exists():
            raise missing(Path(text), name=f"{name}: {Path(text).name}")
        else:
            found.append(Path(text))
    if not found:
        raise TooFewSamplesError("there must be shards of that name", received=name, remedy="Check the path.")
    if len({*found}) < len(found):
        raise FileFormatError("a shard must be named once", received=name, remedy="Mend the pattern.")
    return found


def _expanded(text: str, *, name: str) -> list[str]:
    """Write out every brace, from the left."""
    match = _BRACES.search(text)
    if match is None:
        return [text]
    bounds = _RANGE.fullmatch(match[1])
    if bounds is None:
        choices = match[1].split(",")
    else:
        low, high = int(bounds[1]), int(bounds[2])
        if not 0 <= high - low < MOST_SHARDS:
            raise ResourceLimitError(
                f"a range of shards must rise, over at most {MOST_SHARDS}", received=name, remedy="Write {000..010}."
            )
        choices = [f"{i:0{len(bounds[1])}}" for i in range(low, high + 1)]
    tails = _expanded(text[match.end() :], name=name)
    if len(choices) * len(tails) > MOST_SHARDS:
        raise ResourceLimitError(f"at most {MOST_SHARDS} shards are read", received=name, remedy="Score a part.")
    return [text[: match.start()] + choice + tail for choice in choices for tail in tails]
