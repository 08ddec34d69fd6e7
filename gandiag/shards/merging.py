"""Parts into one: every shard once, all of one run, or a message that names what does not fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gandiag.core.streams import STREAMS, Arrays, StateSpec
from gandiag.errors import ConfigError, IntegrityError
from gandiag.shards.parts import Part

# Machines differ in the last bits of what they fix on the rows set aside.
_AGREEMENT = 1e-9


def merged(parts: Sequence[Part]) -> Part:
    """Join the parts of all shards of a run.

    Raises
    ------
    ConfigError
        When shards are missing or given twice.
    IntegrityError
        When parts are of different runs.
    """
    if not parts:
        raise ConfigError("there must be parts to be merged", received="none", remedy="Name the part files.")
    first = parts[0]
    for part in parts[1:]:
        _require_same_run(first, part)
    ordered = _every_shard_once(parts)
    failures = {name: why for part in ordered for name, why in part.failures.items()}
    known = {spec.state.name: spec.state for spec in STREAMS}
    states = {name: _joined(known[name], ordered) for name in first.fixed if name in known and name not in failures}
    return Part(
        run=first.run,
        shard=(0, first.shard[1]),
        blocks=tuple(sorted(block for part in ordered for block in part.blocks)),
        states={name: state for name, state in states.items() if state},
        fixed=first.fixed,
        dependence=next((part.dependence for part in ordered if part.dependence), ""),
        failures=failures,
        name="merged",
    )


def _joined(state: StateSpec, parts: Sequence[Part]) -> Arrays:
    """Merge pairwise: errors grow with the logarithm of the number of shards. A shard may have had no block."""
    held = [part.states[state.name] for part in parts if state.name in part.states]
    while len(held) > 1:
        pairs = [state.merge(*held[at : at + 2]) for at in range(0, len(held) - 1, 2)]
        held = pairs + ([held[-1]] if len(held) % 2 else [])
    return held[0] if held else {}


def _require_same_run(first: Part, other: Part) -> None:
    differing = _differing(first.run, other.run)
    if first.shard[1] != other.shard[1]:
        differing.append(f"shards: {first.shard[1]} and {other.shard[1]}")
    if not differing and not _alike(first.fixed, other.fixed):
        differing.append("what was fixed on the rows set aside")
    if differing:
        raise IntegrityError(
            f"all parts must be of one run; {other.name} is not of that of {first.name}",
            received="; ".join(differing),
            remedy="Leave it out, or run its shard again with the same sources, settings and release.",
        )


def _differing(ours: Mapping[str, Any], theirs: Mapping[str, Any], path: str = "") -> list[str]:
    out: list[str] = []
    for key in sorted({*ours, *theirs}):
        a, b = ours.get(key), theirs.get(key)
        if isinstance(a, Mapping) and isinstance(b, Mapping):
            out += _differing(a, b, f"{path}{key}.")
        elif a != b:
            out.append(f"{path}{key}: {a} and {b}")
    return out


def _alike(ours: Mapping[str, Arrays], theirs: Mapping[str, Arrays]) -> bool:
    if ours.keys() != theirs.keys():
        return False
    for name in ours:
        for key in ours[name]:
            a, b = ours[name][key], theirs[name].get(key)
            if b is None or a.shape != b.shape or not np.allclose(a, b, rtol=_AGREEMENT, atol=_AGREEMENT):
                return False
    return True


def _every_shard_once(parts: Sequence[Part]) -> list[Part]:
    count = parts[0].shard[1]
    found: dict[int, Part] = {}
    for part in parts:
        i = part.shard[0]
        if i in found:
            raise ConfigError(
                "every shard must be merged once",
                received=f"shard {i}/{count} in {found[i].name} and in {part.name}",
                remedy="Leave one of them out.",
            )
        found[i] = part
    missing = [f"{i}/{count}" for i in range(1, count + 1) if i not in found]
    if missing:
        raise ConfigError(
            "all shards of a run must be merged at once",
            received=f"no part of shard {', '.join(missing[:20])}" + (", …" if len(missing) > 20 else ""),
            remedy="Run what is missing with the same settings, and name all part files.",
        )
    return [found[i] for i in sorted(found)]
