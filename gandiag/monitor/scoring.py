"""One look at the sampler: fresh draws, metrics with their floors, the value of the game, the modes that are held."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from gandiag.core.protocols import Sampler
from gandiag.core.results import Result
from gandiag.core.rng import stream
from gandiag.core.samples import SampleSet
from gandiag.core.specs import METRICS, MetricSpec
from gandiag.errors import ConfigError, GandiagError, NumericalError, SamplerRaised
from gandiag.measuring import measured
from gandiag.monitor.game import Game, mean_and_error, outputs
from gandiag.monitor.restoring import modules_within
from gandiag.preparation import prepare
from gandiag.prepared import Prepared
from gandiag.settings import Settings
from gandiag.sources import open_sampler
from gandiag.working import in_threads

# The energy distance leads, and so chooses the best checkpoint: it sees every difference of laws, where the Frechet
# distance sees means and covariances only (and calls a disc as good as a ring of eight modes).
METRICS_OF_A_LOOK = ("energy", "frechet", "recall", "mode_coverage", "near_duplicates")


@dataclass(frozen=True, kw_only=True, eq=False)
class Look:
    """What one look has found; plain numbers, absent where something failed."""

    values: dict[str, float]
    results: dict[str, Result] = field(default_factory=dict)
    status: dict[str, str] = field(default_factory=dict)
    errors: dict[str, Exception] = field(default_factory=dict)
    occupancy: dict[str, Any] | None = None


class Scorer:
    """Scores a sampler against one real source, whose rows are drawn and mapped to features once.

    Parameters
    ----------
    real, sampler : anything that `gandiag.open_sampler` takes
    settings : Settings
    discriminator : callable, optional
        Rows as a tensor -> one number per row.
    game : Game
    opening : mapping
        Options of `open_sampler` for the sampler.
    """

    def __init__(
        self,
        real: Any,
        sampler: Any,
        *,
        settings: Settings,
        labels: Any = None,
        discriminator: Callable[[Any], Any] | None = None,
        game: Game,
        opening: Mapping[str, Any],
    ) -> None:
        source = open_sampler(real) if labels is None else open_sampler(real, labels=labels)
        self.sampler: Sampler = open_sampler(sampler, **opening)
        self.specs: list[MetricSpec] = [METRICS.get(name) for name in settings.metrics or ()]
        self.settings, self.discriminator, self.game = settings, discriminator, game
        self._prepared: Prepared = prepare(
            source, [], train=None, features=settings.features, n=settings.n, seed=settings.seed
        )
        self._prepared.matrix("real", self._prepared.real)
        self._prepared.matrix("fit", self._prepared.fit)
        # Loads now what the first look would otherwise load on the clock of the run.
        list(in_threads(lambda spec: spec.name, self.specs))

    @property
    def n(self) -> int:
        """Real rows under test."""
        return len(self._prepared.real)

    def look(self, *names: str, n: int | None = None) -> Look:
        """Draw fresh rows from the stream called ``names``, and score them.

        Raises
        ------
        GandiagError
            When the sampler fails. A metric or a discriminator that fails has a status instead of a number.
        """
        rows = n or self.settings.n or self.n
        rows = rows if self.sampler.size is None else min(rows, self.sampler.size)
        fake = self.sampler.sample(rows, rng=stream(self.settings.seed, "monitor", *names))
        results = self._measured(self._prepared.with_fakes(replace(fake, labels=None)))
        values: dict[str, float] = {}
        status: dict[str, str] = {}
        errors: dict[str, Exception] = {}
        for name, result in results.items():
            status[name] = result.status if result.estimate is not None else f"{result.status}: {_why(result)}"
            values |= _numbers(result)
            if result.status == "failed":
                errors[name] = NumericalError("a metric must answer", received=_why(result), remedy="See its reason.")
        if self.discriminator is not None:
            try:
                values |= self._value(self.discriminator, fake)
                status["value"] = "ok"
            except Exception as error:
                status["value"], errors["value"] = f"failed: {told(error)}", error
        occupancy = _occupancy(results.get("mode_coverage"))
        return Look(values=values, results=results, status=status, errors=errors, occupancy=occupancy)

    def _measured(self, prepared: Prepared) -> dict[str, Result]:
        if not self.specs:
            return {}
        comparison = prepared.comparison(0, seed=self.settings.seed, device=self.settings.device)
        dependence = prepared.dependence(0)

        def run(spec: MetricSpec) -> Result:
            return measured(spec, comparison, settings=self.settings, dependence=dependence)

        return {result.metric: result for result in in_threads(run, self.specs)}

    def _value(self, discriminator: Callable[[Any], Any], fake: SampleSet) -> dict[str, float]:
        """Measure the value of the game on held-out real rows and fresh fakes, with its standard error."""
        real_out = outputs(discriminator, as_tensor(self._prepared.real, discriminator))
        fake_out = outputs(discriminator, as_tensor(fake, discriminator))
        real, real_error = mean_and_error(self.game.real(real_out))
        made, fake_error = mean_and_error(self.game.fake(fake_out))
        value, error = float(real + made), math.sqrt(real_error + fake_error)
        if not (math.isfinite(value) and math.isfinite(error)):
            raise SamplerRaised("the value of the game must be finite", received=value, remedy="Look at the outputs.")
        found = {"value": value, "value.error": error, "value.reference": self.game.reference}
        if self.game.has_accuracy:
            found["accuracy/real"] = float((real_out > 0).double().mean())
            found["accuracy/fake"] = float((fake_out < 0).double().mean())
            found["accuracy.n"] = float(min(len(real_out), len(fake_out)))
        return found


def as_tensor(samples: SampleSet, discriminator: Any) -> Any:
    """Give rows as a module expects them: on its device, in its precision, images with their channels first."""
    import torch

    values = np.concatenate([block for _, block in samples.blocks()])
    rows = torch.from_numpy(np.array(values))
    if samples.kind == "image":
        rows = rows[:, None] if rows.ndim == 3 else rows.permute(0, 3, 1, 2)
    held = next((p for module in modules_within(discriminator) for p in module.parameters()), None)
    return rows.float() if held is None else rows.to(held.device, held.dtype)


def _numbers(result: Result) -> dict[str, float]:
    if result.estimate is None:
        return {}
    name = f"score/{result.metric}"
    found = {name: result.estimate}
    if result.floor is not None:
        found |= {f"{name}.floor": result.floor.mean, f"{name}.floor_sd": result.floor.sd}
    if result.p_value is not None:
        found[f"{name}.p"] = result.p_value.value
    return found


def _why(result: Result) -> str:
    return str(result.reasons.get("estimate", "no reason given"))


def _occupancy(coverage: Result | None) -> dict[str, Any] | None:
    """Read how the samples are spread over the modes, where there are modes.

    ``fake`` and ``real`` count all rows by the nearest mode, ``within`` only samples that lie inside it; ``missing``
    are the modes that the exact tests call missing, None where too few samples lie within any mode.
    """
    if coverage is None or "nearest" not in coverage.details:
        return None
    details = coverage.details
    judged = details.get("modes")
    return {
        "source": details["source"],
        **{key: list(details["nearest"][key]) for key in ("modes", "real", "fake")},
        "within": None if judged is None else [int(mode["fake"]) for mode in judged],
        "missing": None if judged is None else [str(name) for name in details["missing"]],
    }


def told(error: BaseException) -> str:
    """Say what went wrong in one line."""
    text = str(error) if isinstance(error, GandiagError) else f"{type(error).__name__}: {error}"
    return " ".join(text.split())[:400]


def require_metrics(names: Any) -> tuple[str, ...]:
    """Read names of metrics, refusing text that was meant as a list."""
    if isinstance(names, str):
        raise ConfigError("`metrics` must be a list of names", received=names, remedy=f'Pass metrics=["{names}"].')
    return tuple(METRICS.get(name).name for name in names)
