"""Monitor: the training observer, a plain object that is called in any training loop."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

from gandiag.monitor.alarm import ALARMS, Alarm, AlarmSpec
from gandiag.monitor.arguments import named, require_both, require_counts
from gandiag.monitor.best import Best, Keeper
from gandiag.monitor.clock import Clock
from gandiag.monitor.duality import DualityGap
from gandiag.monitor.game import game_of
from gandiag.monitor.history import History, Row, finite
from gandiag.monitor.journal import Journal, folder_of, sinks_of
from gandiag.monitor.looks import Looks
from gandiag.monitor.recorder import Recorder
from gandiag.monitor.restoring import modules_within, undisturbed
from gandiag.monitor.scoring import METRICS_OF_A_LOOK, Scorer, require_metrics
from gandiag.monitor.window import count_of
from gandiag.settings import Settings


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
        watched = [*self.modules.values(), *modules_within(sampler), *modules_within(discriminator)]
        self._clock = Clock(budget, clock)
        names = require_metrics(metrics)
        scorer = None
        if real is not None and sampler is not None:
            settings = Settings(
                metrics=names or None, features=features, n=n, seed=seed, permutations=permutations, device=device
            )
            with undisturbed(watched):
                scorer = Scorer(
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
        self._looks = Looks(scorer, clock=self._clock, journal=self._journal, keeper=self._keeper, watched=watched)

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
                self._looks.watched.extend(self.modules.values())
            # What was done before the first call took time that nobody measured.
            self._clock.count(0 if first or examples is None else count_of(examples))
            self._recorder.add(self._journal.step, losses or {}, self.modules, latent)
            if self._recorder.steps >= self.window:
                self._recorder.write(self._journal, self._clock)
            return self._looks.look(self.modules) if self._looks.is_due(self.every) else None
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
            return self._looks.look(self.modules, n)
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
        self._looks.load_best(self.modules)

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
        return self._looks.again(self.modules, n)

    def close(self) -> None:
        """Write the last row and let go of the optimisers."""
        self._recorder.let_go()
        if self._recorder.steps:
            try:
                self._recorder.write(self._journal, self._clock)
            except Exception as error:
                self._journal.failed("monitor_failed", error)

    def __enter__(self) -> Monitor:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
