"""Fine structure is lost: images are blurred, vectors get noise.

Both convolve the law of the data with a Gaussian or average over one: the typical fault of models trained on squared
error.
"""

from __future__ import annotations

import numpy as np

from gandiag.core.options import number
from gandiag.core.protocols import Sampler
from gandiag.core.samples import SampleSet
from gandiag.core.specs import PathologySpec
from gandiag.pathologies._wrapping import Wrapped, floats, with_values, wraps


class Blurred(Wrapped):
    """A sampler without fine structure."""

    def distorted(self, drawn: SampleSet, rng: np.random.Generator) -> SampleSet:
        """Blur images over height and width, each channel for itself; add noise to vectors."""
        self.require_numeric(drawn)
        values = floats(drawn)
        if drawn.kind == "image":
            from scipy.ndimage import gaussian_filter

            widths = (0.0, self.severity, self.severity, 0.0)[: values.ndim]
            return with_values(drawn, gaussian_filter(values, widths, mode="nearest"))
        return with_values(drawn, values + self.severity * self.scale * rng.standard_normal(values.shape))


@wraps("blur")
def wrap(source: Sampler, severity: object, /, *, seed: object = 0) -> Blurred:
    """Blur samples.

    Parameters
    ----------
    source : Sampler
        Vectors or images.
    severity : float
        At least 0. Images: standard deviation of the blur in pixels. Vectors: that of the added noise, in standard
        deviations of each value.
    seed : int
        Seed of the draw that standard deviations are taken from.
    """
    return Blurred(source, pathology="blur", severity=number(severity, "severity", at_least=0), seed=seed)


PATHOLOGY = PathologySpec(
    name="blur",
    summary="Images are blurred, vectors get noise.",
    wrap=wrap,
    severity="width of the blur in pixels, or of the noise in standard deviations",
    healthy=0.0,
    code="low_fidelity",
    example=0.7,
)
