"""What the observer is given: refused at once where it makes no sense, before the ten hours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gandiag.errors import ConfigError


def require_counts(**counts: int) -> None:
    """Refuse what is no number of steps."""
    for name, value in counts.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ConfigError(f"`{name}` must be at least 1 step", received=value, remedy=f"Pass {name}=100.")


def require_both(real: Any, sampler: Any, patience: int | None) -> None:
    """Refuse what would silently never score."""
    if (real is None) != (sampler is None):
        raise ConfigError(
            "real data and a sampler belong together",
            received="`real` alone" if sampler is None else "`sampler` alone",
            remedy="Pass Monitor(real, sampler=...), or neither to record losses only.",
        )
    if real is None and patience is not None:
        raise ConfigError(
            "`patience` counts looks at a sampler", received="no sampler", remedy="Pass Monitor(real, sampler=...)."
        )


def named(modules: Mapping[str, Any]) -> dict[str, Any]:
    """Read networks by name; a dot would not be told from those in the names of their weights."""
    for name in modules:
        if not name or "." in name:
            raise ConfigError(
                "networks must have names without a dot", received=name, remedy='Pass modules={"G": G, "D": D}.'
            )
    return dict(modules)
