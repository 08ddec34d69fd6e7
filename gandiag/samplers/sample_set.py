"""A `SampleSet` that is already at hand: drawn without replacement, with everything that is known about it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from gandiag.core.protocols import Sampler
from gandiag.core.samples import SampleSet
from gandiag.core.specs import SamplerSpec
from gandiag.samplers._finite import FiniteSampler
from gandiag.samplers._receive import as_labels, to_numpy
from gandiag.samplers._settings import Settings


def accepts(source: object) -> bool:
    """Tell whether the source is a SampleSet."""
    return isinstance(source, SampleSet)


def open_sample_set(source: Any, **options: Any) -> Sampler:
    """Open a SampleSet; its dependence is measured unless the set or ``lag=`` says it."""
    settings = Settings.read(options, uses=("labels",), by="sample sets")
    return SampleSetSampler(source, settings)


class SampleSetSampler:
    """Draws rows of a SampleSet."""

    def __init__(self, samples: SampleSet, settings: Settings) -> None:
        self.name = settings.name or samples.source
        kind, lag = settings.kind or samples.kind, settings.lag or samples.lag or None
        value_range = settings.value_range or samples.value_range
        labels = samples.labels if settings.labels is None else as_labels(settings.labels, len(samples), name=self.name)
        self._samples = samples
        self._rows = FiniteSampler(
            to_numpy(samples.values, name=self.name),
            name=self.name,
            settings=replace(
                settings, kind=kind, lag=lag, value_range=value_range, layout=settings.layout or "channels_last"
            ),
            labels=labels,
            notes=samples.notes,
        )

    @property
    def size(self) -> int:
        """How many rows can be drawn."""
        return self._rows.size

    def sample(self, n: int, *, rng: np.random.Generator) -> SampleSet:
        """Draw ``n`` different rows in random order."""
        drawn = self._rows.sample(n, rng=rng)
        extra = {**self._samples.extra, **{k: v for k, v in drawn.extra.items() if v}}
        return replace(drawn, modes=self._samples.modes, extra=extra)


SAMPLER = SamplerSpec(
    name="sample_set",
    summary="A gandiag SampleSet that is already drawn.",
    accepts=accepts,
    open=open_sample_set,
    priority=-5,
)
