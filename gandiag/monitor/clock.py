"""Time: what the run took, what looking at it took, and whether another look may be afforded."""

from __future__ import annotations

from collections.abc import Callable

from gandiag.errors import ConfigError


class Clock:
    """Keeps the observer within its share of the wall clock.

    Parameters
    ----------
    budget : float or None
        Largest share of the wall clock that may go to scoring, in (0, 1]; None for no limit.
    now : callable
        Seconds, from any origin.
    """

    def __init__(self, budget: float | None, now: Callable[[], float]) -> None:
        if budget is not None and not 0.0 < budget <= 1.0:
            raise ConfigError(
                "`budget` must be a share of the wall clock, above 0 and at most 1",
                received=budget,
                remedy="Pass budget=0.1, or None for no limit.",
            )
        self.budget, self.now = budget, now
        self.began: float | None = None
        self.observing = 0.0
        self._dearest: float | None = None
        self._examples = 0

    def start(self) -> bool:
        """Begin at the first call, and tell whether this is it; loading data and the like came before."""
        first = self.began is None
        if first:
            self.began = self.now()
        return first

    @property
    def elapsed(self) -> float:
        """Seconds since the first step."""
        return 0.0 if self.began is None else self.now() - self.began

    @property
    def share(self) -> float:
        """Share of the wall clock that went to observing."""
        return self.observing / self.elapsed if self.elapsed > 0.0 else 0.0

    def affords_a_look(self) -> bool:
        """Tell whether one more scoring stays within the budget, if it costs what the dearest of late did.

        What the first costs is not known yet: it is always afforded.
        """
        if self.budget is None or self._dearest is None:
            return True
        return self.observing + self._dearest <= self.budget * (self.elapsed + self._dearest)

    def scored(self, seconds: float) -> None:
        """Learn what a scoring cost; an old dear one is forgotten by and by."""
        self._dearest = max(seconds, 0.8 * (self._dearest or 0.0))

    def count(self, examples: int) -> None:
        """Count the examples of one step."""
        self._examples += examples

    def rate(self) -> float | None:
        """Return examples per second: those after the first step, over all seconds less those spent observing."""
        training = self.elapsed - self.observing
        return self._examples / training if self._examples and training > 0.0 else None
