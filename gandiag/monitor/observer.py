"""Monitor: the training observer, a plain object that is called in any training loop."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

from gandiag.errors import ConfigError
from gandiag.monitor.alarm import ALARMS, Alarm, AlarmSpec
from gandiag.monitor.arguments import named, require_both, require_counts
from gandiag.monitor.best import Best, Keeper, load_state
from gandiag.monitor.clock import Clock
from gandiag.monitor.duality import DualityGap
from gandiag.monitor.game import game_of
from gandiag.monitor.history import History, Row, finite
from gandiag.monitor.journal import Journal, folder_of, sinks_of
from gandiag.monitor.recorder import Recorder
from gandiag.monitor.restoring import modules_within, undisturbed
from gandiag.monitor.scoring import Scorer, require_metrics
from gandiag.monitor.window import count_of
from gandiag.settings import Settings

# The energy distance leads, and so chooses the best checkpoint: it sees every difference of laws, where the Frechet
# distance sees means and covariances only (and calls a disc as good as a ring of eight modes).
METRICS_OF_A_LOOK = ("energy", "frechet", "recall", "mode_coverage", "near_duplicates")


class Monitor:
    """Watch a training: score the sampler now and then, record what happens, raise alarms, keep the best.

    Training is bit for bit what it would be without it: generators of random numbers, training flags, buffers and
    gradients are put back. Nothing that fails in here stops the run; it is recorded as an event.

    Parameters
    ----------
    real : anything that `gandiag.open_sampler` takes, optional
        Real data that the networks are not trained on. Drawn once.
    sampler : anything that `gandiag.open_sampler` takes, optional
        What is scored: a module with ``latent="normal:64"``, or a function of the number of samples. Without it and
        ``real`` only losses and gradients are recorded.
    modules : mapping of str to torch.nn.Module, optional
        The networks by name, such as ``{"G": G, "D": D}``: put in evaluation mode while the sampler is scored, and
        stored in the best checkpoint. Name generators with a G and discriminators with a D in front: alarms go by it.
    optimisers : mapping of str to optimiser, optional
        Gradient norms are then read at each ``step()`` of each: the gradients that are really applied. Without them
        they are read from ``modules`` when `step` is called, where D's may also hold the generator's loss.
    discriminator : callable, optional
        Rows as a tensor -> one logit per row. Switches on the value of the game on held-out rows.
    game : {"gan", "wgan"}, optional
        The value function: -log 4 or 0 at equilibrium. "gan" where a discriminator is given.
    labels : array of int, optional
        Classes of the real rows, whose occupancy is then followed.
    every : int
        Score after so many steps at the earliest.
    budget : float or None
        Largest share of the wall clock that may go to the observer; it scores more rarely when scoring is dear. When it
        scores then depends on the clock: pass None for a run that must be repeatable in its scores too.
    metrics : names
    n : int
        Rows per look.
    window : int
        Steps per row of the history.
    alarms : names or AlarmSpec objects, optional
        All, when absent.
    best : str or None
        The metric by which the best checkpoint is kept: "auto" is the first of ``metrics``, None keeps none.
    patience : int, optional
        `should_stop` turns true after so many looks without an improvement beyond the metric's noise.
    min_delta : float, optional
        What counts as an improvement; the standard deviation of the metric's floor when absent.
    out : path, optional
        A folder for ``history.jsonl``, ``history.csv`` and the best checkpoint.
    resume : bool
        Continue the history, the best checkpoint and the patience of an earlier part of the run in ``out``.
    sinks : iterable
        Further places for rows: see `gandiag.monitor.sinks.as_sink`.
    seed : int
        Of the draws and the permutations. Training never sees it.
    permutations : int
        Relabellings per metric and look, for its floor.
    strict : bool
        Raise what fails, instead of recording it.
    features, device
        As in `gandiag.score`.
    clock : callable
        Seconds, from any origin.
    **opening
        Passed to `open_sampler` for the sampler: ``latent="normal:64"``.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> monitor = Monitor(rng.normal(size=(400, 2)), sampler=lambda n, rng: rng.normal(size=(n, 2)), every=2, n=200)
    >>> for step in range(4):
    ...     row = monitor.step(step, losses={"G": 0.7}, examples=64)
    >>> sorted({row["kind"] for row in monitor.history})
    ['score']
    >>> monitor.close()
    >>> sorted({row["kind"] for row in monitor.history})
    ['score', 'train']
    """

    def __init__(
        self,
        real: Any = None,
        *,
        sampler: Any = None,
        modules: Mapping[str, Any] | None = None,
        optimisers: Mapping[str, Any] | None = None,
        discriminator: Callable[[Any], Any] | None = None,
        game: Literal["gan", "wgan"] | None = None,
        labels: Any = None,
        every: int = 500,
        budget: float | None = 0.1,
        metrics: Iterable[str] = METRICS_OF_A_LOOK,
        n: int = 1000,
        window: int = 50,
        alarms: Iterable[str | AlarmSpec] | None = None,
        best: str | None = "auto",
        patience: int | None = None,
        min_delta: float | None = None,
        out: str | Path | None = None,
        resume: bool = False,
        sinks: Iterable[Any] = (),
        seed: int = 0,
        permutations: int = 99,
        features: str | None = None,
        device: str | None = None,
        strict: bool = False,
        clock: Callable[[], float] = time.perf_counter,
        **opening: Any,
    ) -> None:
        require_counts(every=every, window=window)
        require_both(real, sampler, patience)
        self.every, self.window = every, window
        self.modules = named(modules or {})
        self._watched = [*self.modules.values(), *modules_within(sampler), *modules_within(discriminator)]
        self._clock = Clock(budget, clock)
        names = require_metrics(metrics)
        self._scorer: Scorer | None = None
        if real is not None and sampler is not None:
            settings = Settings(
                metrics=names or None, features=features, n=n, seed=seed, permutations=permutations, device=device
            )
            with undisturbed(self._watched):
                self._scorer = Scorer(
                    real,
                    sampler,
                    settings=settings,
                    labels=labels,
                    discriminator=discriminator,
                    game=game_of(game or "gan"),
                    opening=opening,
                )
        folder, history = folder_of(out, resume=resume)
        history.facts["game"] = game or ("gan" if discriminator is not None else None)
        self._keeper = Keeper.of(best, names, patience=patience, min_delta=min_delta, folder=folder)
        if self._keeper is not None:
            self._keeper.catch_up(history)
        chosen = ALARMS.names() if alarms is None else alarms
        self._journal = Journal(
            self._clock, alarms=chosen, sinks=sinks_of(folder, sinks), history=history, strict=strict
        )
        self._recorder = Recorder(optimisers or {}, lambda error: self._journal.failed("monitor_failed", error))
        self._since_look, self._backed_off = 0, False

    def step(
        self,
        step: int | None = None,
        *,
        losses: Mapping[str, Any] | None = None,
        modules: Mapping[str, Any] | None = None,
        examples: Any = None,
        latent: Mapping[str, Any] | None = None,
    ) -> Row | None:
        """Observe one step of training; call it last in the loop.

        Parameters
        ----------
        step : int, optional
            Number of the step; counted from 0 when absent.
        losses : mapping of str to float or one-element tensor
        modules : mapping, optional
            As in the constructor, where the networks are not known by then.
        examples : int, array, tensor or batch, optional
            The real examples that the step used.
        latent : mapping, optional
            ``mean`` and ``log_variance`` of an encoder, shape (n, d) each, or ``kl`` per dimension. The last batch of
            each row of the history is summarised.

        Returns
        -------
        dict or None
            The row, where this step was scored.
        """
        began = self._clock.now()
        first = self._clock.start()
        self._journal.step = self._journal.step + 1 if step is None else int(step)
        try:
            if modules and dict(modules) != self.modules:
                self.modules = named(modules)
                self._watched = [*self._watched, *self.modules.values()]
            # What was done before the first call took time that nobody measured.
            self._clock.count(0 if first or examples is None else count_of(examples))
            self._recorder.add(self._journal.step, losses or {}, self.modules, latent)
            if self._recorder.steps >= self.window:
                self._write_train_row()
            return self._look(None) if self._is_due() else None
        except Exception as error:
            self._journal.failed("monitor_failed", error)
            return None
        finally:
            self._clock.observing += self._clock.now() - began

    def score(self, *, n: int | None = None) -> Row | None:
        """Score now, whatever the schedule and the budget say.

        Parameters
        ----------
        n : int, optional
            Rows to draw.
        """
        self._clock.start()
        began = self._clock.now()
        try:
            return self._look(n)
        finally:
            self._clock.observing += self._clock.now() - began

    def record_gap(self, gap: DualityGap) -> Row:
        """Record what `duality_gap` has found for the networks as they are now, at the last step.

        Returns
        -------
        dict
            The row: ``duality/gap``, ``duality/error``, ``duality/half`` and so on.
        """
        found = {f"duality/{name}": getattr(gap, name) for name in ("gap", "error", "half", "value", "worst", "best")}
        return self._journal.record("gap", values=finite(found)[0])

    @property
    def history(self) -> History:
        """All rows so far."""
        return self._journal.history

    @property
    def alarms(self) -> list[Alarm]:
        """The alarms that were raised, oldest first."""
        return self._journal.alarms

    @property
    def best(self) -> Best | None:
        """The best checkpoint so far. Its score is the best of many, hence optimistic: see `rescore`."""
        return None if self._keeper is None else self._keeper.best

    @property
    def should_stop(self) -> bool:
        """Whether ``patience`` looks have passed without an improvement beyond the metric's noise."""
        return self._keeper is not None and self._keeper.should_stop

    @property
    def overhead(self) -> float:
        """Share of the wall clock since the first step that went to the observer."""
        return self._clock.share

    def load_best(self) -> None:
        """Put the weights of the best checkpoint into the networks."""
        for name, state in self._best_states().items():
            load_state(self.modules[name], state)

    def rescore(self, *, n: int | None = None) -> dict[str, Any]:
        """Score the best checkpoint again on fresh samples: the number to quote.

        The networks get the best weights for the time of it, and their own back.

        Parameters
        ----------
        n : int, optional
            Rows to draw. The real rows stay those that the checkpoint was chosen on.

        Returns
        -------
        dict
            Metric -> `Result`.
        """
        states = self._best_states()
        if self._scorer is None:
            raise _nothing_to_score()
        own = {name: {k: v.clone() for k, v in self.modules[name].state_dict().items()} for name in states}
        try:
            for name, state in states.items():
                load_state(self.modules[name], state)
            with undisturbed(self._watched):
                return self._scorer.look("again", str(self._journal.step), n=n).results
        finally:
            for name, state in own.items():
                load_state(self.modules[name], state)

    def close(self) -> None:
        """Write the last row and let go of the optimisers."""
        self._recorder.let_go()
        if self._recorder.steps:
            try:
                self._write_train_row()
            except Exception as error:
                self._journal.failed("monitor_failed", error)

    def __enter__(self) -> Monitor:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _is_due(self) -> bool:
        self._since_look += 1
        if self._scorer is None or self._since_look < self.every:
            return False
        affordable = self._clock.affords_a_look()
        self._backed_off = self._backed_off or not affordable
        return affordable

    def _write_train_row(self) -> None:
        steps = self._recorder.steps
        values, first_bad = self._recorder.close()
        rate = self._clock.rate()
        values |= {"observer_share": self._clock.share} | ({} if rate is None else {"examples_per_second": rate})
        numbers, bad = finite(values)
        found = {name: first_bad.get(name, self._journal.step) for name in bad}
        self._journal.record("train", steps=steps, values=numbers, **({"nonfinite": found} if found else {}))

    def _look(self, n: int | None) -> Row | None:
        if self._scorer is None:
            raise _nothing_to_score()
        _wait_for_device()
        began, self._since_look = self._clock.now(), 0
        try:
            with undisturbed(self._watched):
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
        self._keep_if_best(numbers)
        return row

    def _keep_if_best(self, numbers: Mapping[str, float | None]) -> None:
        if self._keeper is None or not self._keeper.hear(self._journal.step, numbers):
            return
        try:
            self._keeper.keep(self.modules)
        except Exception as error:
            self._journal.failed("checkpoint_failed", error, once="checkpoint")

    def _best_states(self) -> dict[str, dict[str, Any]]:
        if self._keeper is None:
            raise ConfigError("a best checkpoint must be kept", received="best=None", remedy='Pass best="frechet".')
        return self._keeper.states()


def _nothing_to_score() -> ConfigError:
    return ConfigError(
        "scoring needs real data and a sampler", received="none", remedy="Pass Monitor(real, sampler=...)."
    )


def _wait_for_device() -> None:
    """Let queued work of the training end before the clock of the scoring starts."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available() and torch.cuda.is_initialized():
        torch.cuda.synchronize()
