"""Looks at the sampler: when one is due and affordable, what it records, and the best networks that it keeps."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from typing import Any

from gandiag.core.results import Result
from gandiag.errors import ConfigError
from gandiag.monitor.best import Keeper, States, load_state
from gandiag.monitor.clock import Clock
from gandiag.monitor.history import Row, finite
from gandiag.monitor.journal import Journal
from gandiag.monitor.restoring import undisturbed
from gandiag.monitor.scoring import Scorer


class Looks:
    """Scores the sampler when it is time, and writes down what was found.

    Parameters
    ----------
    scorer : Scorer or None
        None where there is nothing to score.
    clock : Clock
        Says whether a look may be afforded.
    journal : Journal
    keeper : Keeper or None
        Of the best checkpoint.
    watched : list of torch.nn.Module
        Left by every look as they were.
    """

    def __init__(
        self,
        scorer: Scorer | None,
        *,
        clock: Clock,
        journal: Journal,
        keeper: Keeper | None,
        watched: Iterable[Any],
    ) -> None:
        self.watched = list(watched)
        self._scorer, self._keeper = scorer, keeper
        self._clock, self._journal = clock, journal
        self._since_look, self._backed_off = 0, False

    def is_due(self, every: int) -> bool:
        """Count a step, and tell whether the sampler, looked at every so many steps at the earliest, is so now."""
        self._since_look += 1
        if self._scorer is None or self._since_look < every:
            return False
        affordable = self._clock.affords_a_look()
        self._backed_off = self._backed_off or not affordable
        return affordable

    def look(self, modules: Mapping[str, Any], n: int | None = None) -> Row | None:
        """Score the sampler and record it; keep the networks where they are the best so far.

        Raises
        ------
        ConfigError
            When there is nothing to score.
        """
        if self._scorer is None:
            raise _nothing_to_score()
        _wait_for_device()
        began, self._since_look = self._clock.now(), 0
        try:
            with undisturbed(self.watched):
                look = self._scorer.look(str(self._journal.step), n=n)
        except Exception as error:
            self._journal.failed("scoring_failed", error)
            return None
        finally:
            cost = self._clock.now() - began
            self._clock.scored(cost)
        numbers, bad = finite(look.values)
        more: dict[str, Any] = {"nonfinite": dict.fromkeys(bad, self._journal.step)} if bad else {}
        more |= {} if look.occupancy is None else {"occupancy": look.occupancy}
        backed_off, self._backed_off = self._backed_off, False
        row = self._journal.record(
            "score", cost=cost, backed_off=backed_off, values=numbers, status=look.status, **more
        )
        for name, failure in look.errors.items():
            self._journal.failed("metric_failed", failure, about=name, once=f"metric {name}")
        self._keep_if_best(modules, numbers)
        return row

    def again(self, modules: Mapping[str, Any], n: int | None = None) -> dict[str, Result]:
        """Score the best networks on fresh samples; the networks get their own weights back.

        Raises
        ------
        ConfigError
            When there is nothing to score, or no checkpoint.
        """
        states = self._best_states()
        if self._scorer is None:
            raise _nothing_to_score()
        own = {name: {k: v.clone() for k, v in modules[name].state_dict().items()} for name in states}
        try:
            _load(modules, states)
            with undisturbed(self.watched):
                return self._scorer.look("again", str(self._journal.step), n=n).results
        finally:
            _load(modules, own)

    def load_best(self, modules: Mapping[str, Any]) -> None:
        """Put the weights of the best checkpoint into the networks."""
        _load(modules, self._best_states())

    def _keep_if_best(self, modules: Mapping[str, Any], numbers: Mapping[str, float | None]) -> None:
        if self._keeper is None or not self._keeper.hear(self._journal.step, numbers):
            return
        try:
            self._keeper.keep(modules)
        except Exception as error:
            self._journal.failed("checkpoint_failed", error, once="checkpoint")

    def _best_states(self) -> States:
        if self._keeper is None:
            raise ConfigError("a best checkpoint must be kept", received="best=None", remedy='Pass best="frechet".')
        return self._keeper.states()


def _load(modules: Mapping[str, Any], states: Mapping[str, Mapping[str, Any]]) -> None:
    for name, state in states.items():
        load_state(modules[name], state)


def _nothing_to_score() -> ConfigError:
    return ConfigError(
        "scoring needs real data and a sampler", received="none", remedy="Pass Monitor(real, sampler=...)."
    )


def _wait_for_device() -> None:
    """Let queued work of the training end before the clock of the scoring starts."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available() and torch.cuda.is_initialized():
        torch.cuda.synchronize()
