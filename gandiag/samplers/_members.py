"""Choosing the samples, and the labels beside them, among the named arrays of one file."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from gandiag.core.names import nearest
from gandiag.errors import ConfigError, GandiagError, TooFewSamplesError
from gandiag.samplers._receive import as_labels

USUAL = ("arr_0", "samples", "images", "x")
LABELS = ("labels", "y")


def chosen_member(names: Iterable[str], key: str | None, *, name: str) -> str:
    """Choose by ``key``, else the only array, else one of the usual names."""
    known = sorted(names)
    if not known:
        raise TooFewSamplesError(f"{name} must hold an array", received="none", remedy="Write the samples to it.")
    if key is not None:
        if key not in known:
            listing = f"It holds {', '.join(known[:10])}."
            raise ConfigError(f"{name} has no such array", received=key, remedy=nearest(key, known, fallback=listing))
        return key
    others = [k for k in known if k not in LABELS]
    if len(others) == 1 or len(known) == 1:
        return (others or known)[0]
    usual = next((k for k in USUAL if k in known), None)
    if usual is None:
        raise ConfigError(
            f"{name} holds several arrays, so key= must name one", received=", ".join(known[:10]), remedy="Pass key=."
        )
    return usual


def labels_beside(
    names: Iterable[str], member: str, rows: int, read: Callable[[str], Any], *, name: str
) -> tuple[Any, tuple[str, ...]]:
    """Read an array of labels of matching length, with the note that says so."""
    for label in LABELS:
        if label in names and label != member:
            try:
                return as_labels(read(label), rows, name=name), (f"labels were read from {label!r}",)
            except GandiagError:
                return None, (f"the array {label!r} does not hold one class per sample and was left out",)
    return None, ()
