"""Classes by name: one number for one name, on whichever side, in whichever batch and file it stands.

Numbering the names of each side in its own order would compare cats with dogs as soon as one side lacks a class. So a
name is read as a number that depends on nothing but the name, and `numbered` gives all sides small numbers at once.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from gandiag.core.samples import SampleSet

# Codes of names lie here, whole as doubles and beyond the numbers that anybody gives to classes.
FIRST_CODE = 2**51
_LISTED = 100
_WHOLE = re.compile(r"-?[0-9]{1,15}", re.ASCII)
# What the codes of this process stand for.
_NAMES: dict[int, str] = {}


def class_code(name: str) -> int:
    """Read a name of a class as a number; whole numbers in writing are themselves.

    Examples
    --------
    >>> class_code("007"), class_code("cat") >= FIRST_CODE
    (7, True)
    """
    if _WHOLE.fullmatch(name):
        return int(name)
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()
    code = FIRST_CODE + int.from_bytes(digest[:6], "big")
    _NAMES[code] = name
    return code


def name_of_class(code: int) -> str:
    """Say what a number stands for in this process; itself where it stands for nothing."""
    return _NAMES.get(code, str(code))


def of_like_classes(real: SampleSet, other: SampleSet) -> SampleSet:
    """Leave out classes that cannot be matched: names on one side, numbers on the other."""
    if real.labels is None or other.labels is None or np.isin(other.labels, real.labels).any():
        return other
    ours, theirs = (_kind(side.labels) for side in (real, other))
    if ours == theirs:
        return other
    return replace(other, labels=None).noting(
        f"its classes were left out: they are {theirs} where those of {real.source} are {ours}"
    )


def _kind(labels: NDArray[np.int64] | None) -> str:
    return "names" if labels is not None and bool((labels >= FIRST_CODE).any()) else "numbers"


def numbered(sides: Sequence[SampleSet]) -> tuple[list[SampleSet], dict[int, str]]:
    """Give names of classes small numbers in sorted order, alike on all sides, after the classes that are numbers.

    Returns
    -------
    sides : list of SampleSet
    names : dict
        Of the classes that were named.
    """
    labelled = [side.labels for side in sides if side.labels is not None]
    found = np.unique(np.concatenate(labelled)) if labelled else np.empty(0, dtype=np.int64)
    codes, numbers = found[found >= FIRST_CODE], found[found < FIRST_CODE]
    if not len(codes):
        return list(sides), {}
    titles = {code: _NAMES.get(code, str(code)) for code in codes.tolist()}
    first = max(int(numbers.max()) + 1, 0) if len(numbers) else 0
    place = {code: first + at for at, code in enumerate(sorted(titles, key=lambda code: (titles[code], code)))}
    to = np.concatenate([numbers, np.array([place[code] for code in codes.tolist()], dtype=np.int64)])

    def renumbered(labels: NDArray[np.int64] | None) -> NDArray[np.int64] | None:
        return None if labels is None else to[np.searchsorted(found, labels)]

    names = {number: titles[code] for code, number in place.items()}
    return [replace(side, labels=renumbered(side.labels)) for side in sides], names


def noting_names(real: SampleSet, names: Mapping[int, str]) -> SampleSet:
    """Say which name has which number: metrics print numbers."""
    if not names:
        return real
    listed = ", ".join(f"{number} = {name!r}" for number, name in list(names.items())[:_LISTED])
    return real.noting(f"classes by name: {listed}{', …' if len(names) > _LISTED else ''}")
