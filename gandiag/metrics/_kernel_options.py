"""What the options of the kernel tests must satisfy."""

from __future__ import annotations

from gandiag.errors import ConfigError


def require_bandwidth(bandwidth: float | None) -> None:
    """Refuse a bandwidth that is not above 0: at 0 every law would look equal to every other."""
    if bandwidth is not None and not bandwidth > 0.0:
        raise ConfigError(
            "`bandwidth` must be above 0", received=bandwidth, remedy="Leave it out for the median distance."
        )


def require_at_least(name: str, value: int, least: int, usual: int) -> None:
    """Refuse a count below the fewest that give a test."""
    if value < least:
        raise ConfigError(f"`{name}` must be at least {least}", received=value, remedy=f"Pass {name}={usual}.")
