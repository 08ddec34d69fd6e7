"""Too little variety within modes: samples crowd around the typical case.

``x -> c + (1 - severity)(x - c)`` with c the centre of the row's mode: the known centre, else the mean of its class,
else the overall mean. Covariances within modes shrink by ``(1 - severity)^2``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from gandiag.core.options import number
from gandiag.core.protocols import Sampler
from gandiag.core.samples import KnownModes, SampleSet
from gandiag.core.specs import PathologySpec
from gandiag.pathologies._wrapping import Float, Wrapped, floats, with_values, wraps


@dataclass(frozen=True, eq=False)
class _ClassMeans:
    labels: NDArray[np.int64]
    means: Float


class Shrunken(Wrapped):
    """A sampler whose rows lie nearer to the centres of their modes."""

    def distorted(self, drawn: SampleSet, rng: np.random.Generator) -> SampleSet:
        """Draw each row towards its centre."""
        self.require_numeric(drawn)
        values = floats(drawn)
        centres = self._centres(drawn, values)
        return with_values(drawn, centres + (1.0 - self.severity) * (values - centres))

    def _centres(self, drawn: SampleSet, values: Float) -> Float:
        if drawn.modes is not None:
            return _known_centres(drawn.modes, drawn.labels, values)
        overall = np.broadcast_to(self.spread.mean, values.shape)
        if drawn.labels is None or self._classes is None:
            return overall
        known = self._classes
        place = np.minimum(np.searchsorted(known.labels, drawn.labels), len(known.labels) - 1)
        centres = known.means[place]
        unseen = known.labels[place] != drawn.labels
        centres[unseen] = overall[unseen]
        return centres

    @cached_property
    def _classes(self) -> _ClassMeans | None:
        labels = self.looked_at.labels
        if labels is None:
            return None
        values = floats(self.looked_at)
        found = np.unique(labels)
        return _ClassMeans(found, np.stack([values[labels == c].mean(axis=0) for c in found]))


def _known_centres(modes: KnownModes, labels: NDArray[np.int64] | None, values: Float) -> Float:
    """Find the centre of each row: by its label where labels count modes, else the nearest."""
    k = len(modes.centres)
    if labels is None or labels.min() < 0 or labels.max() >= k:
        flat = values.reshape(len(values), -1)
        labels = np.stack([np.square(flat - c).sum(axis=1) for c in modes.centres]).argmin(axis=0)
    return modes.centres[labels].reshape(values.shape)


@wraps("shrink")
def wrap(source: Sampler, severity: object, /, *, seed: object = 0) -> Shrunken:
    """Shrink modes.

    Parameters
    ----------
    source : Sampler
        Vectors or images.
    severity : float
        From 0 to below 1: share of the way to the centre that each row moves.
    seed : int
        Seed of the draw that class means are taken from.
    """
    share = number(severity, "severity", at_least=0, below=1)
    return Shrunken(source, pathology="shrink", severity=share, seed=seed)


PATHOLOGY = PathologySpec(
    name="shrink",
    summary="Too little variety within modes.",
    wrap=wrap,
    severity="share of the way to its mode's centre that each row moves",
    healthy=0.0,
    code="modes_shrunken",
    example=0.5,
)
