"""Objects that already are samplers: ``name``, ``size`` and ``sample(n, *, rng)``.

What they return is checked all the same.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from typing import Any

import numpy as np

from gandiag.core.protocols import Sampler
from gandiag.core.rng import stream
from gandiag.core.samples import SampleSet
from gandiag.core.specs import SamplerSpec
from gandiag.errors import SamplerContractError, SamplerExhausted
from gandiag.samplers._binding import parameter_names
from gandiag.samplers._finish import finish
from gandiag.samplers._guard import call
from gandiag.samplers._receive import Form, to_numpy
from gandiag.samplers._settings import Settings, rows_asked_for


def accepts(source: object) -> bool:
    """Tell whether the source has everything that a sampler has (a pandas series has, except ``rng``)."""
    if isinstance(source, type) or not isinstance(source, Sampler):
        return False
    return "rng" in parameter_names(source.sample)


def open_protocol(source: Any, *, assumed_lag: int = 0, **options: Any) -> Sampler:
    """Open a sampler; ``assumed_lag`` is what holds where neither it nor ``lag=`` says anything."""
    return CheckedSampler(source, Settings.read(options, by="samplers"), assumed_lag)


class CheckedSampler:
    """A sampler whose answers are checked and renamed."""

    def __init__(self, inner: Sampler, settings: Settings, assumed_lag: int = 0) -> None:
        self.name = settings.name or str(inner.name)
        self._inner, self._settings, self._assumed = inner, settings, assumed_lag
        self._step = settings.lag or 1

    @property
    def size(self) -> int | None:
        """How many rows can be drawn."""
        size = self._inner.size
        return None if size is None else max(1, int(size) // self._step)

    def sample(self, n: int, *, rng: np.random.Generator) -> SampleSet:
        """Draw exactly ``n`` rows, one in ``lag`` where a lag above 1 was declared."""
        n = rows_asked_for(n)
        if self.size is not None and n > self.size:
            raise SamplerExhausted(
                f"{self.name} holds fewer samples than were asked for",
                received=f"{self.size} of {n}",
                remedy="Ask for fewer, or bring more samples; rows are never drawn twice.",
            )
        # Read from a copy: a sampler that is opened twice must draw what it draws when it is opened once.
        seeds = stream(int(deepcopy(rng).integers(2**62)), "globals of the sampler")
        asked = n * self._step
        raw = call(
            lambda: self._inner.sample(asked, rng=rng),
            name=self.name,
            seed=int(seeds.integers(2**62)),
            progress=f"after 0 of {asked} samples (batch 1)",
        )
        samples = raw if isinstance(raw, SampleSet) else self._received(raw)
        if len(samples) != asked:
            raise SamplerContractError(
                f"{self.name} must return exactly as many rows as it is asked for",
                received=f"{len(samples)} when asked for {asked}",
                remedy="Mend its sample(n, *, rng).",
            )
        return self._declared(samples)

    def _received(self, raw: Any) -> SampleSet:
        rows = to_numpy(raw, name=self.name)
        form = Form.of(rows.shape, rows.dtype, self._settings, name=self.name)
        return finish(rows, form=form, settings=self._settings, name=self.name, lag=0)

    def _declared(self, samples: SampleSet) -> SampleSet:
        if self._step > 1:
            samples = samples.take(np.arange(0, len(samples), self._step))
        if self._settings.value_range or self._settings.kind:
            form = Form(kind=self._settings.kind or samples.kind, change="", notes=())
            checked = finish(
                to_numpy(samples.values, name=self.name),
                form=form,
                settings=self._settings,
                name=self.name,
                lag=samples.lag,
            )
            samples = replace(samples, values=checked.values, kind=checked.kind, value_range=checked.value_range)
        lag = 1 if self._settings.lag else samples.lag or self._assumed
        return replace(_grey(samples), lag=lag, source=self.name)


def _grey(samples: SampleSet) -> SampleSet:
    """Leave out the axis of a single channel, as on every other way in."""
    is_grey = samples.kind == "image" and samples.shape[2:] == (1,) and not hasattr(samples.values, "rows")
    return replace(samples, values=samples.values[..., 0]) if is_grey else samples


SAMPLER = SamplerSpec(
    name="protocol",
    summary="An object with name, size and sample(n, *, rng).",
    accepts=accepts,
    open=open_protocol,
    priority=-1,
)
