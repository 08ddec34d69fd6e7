"""Classifier two-sample test by a convolutional network: how much better than a coin filters tell fake images.

Three layers of 3 x 3 filters, their mean over the image and a linear layer learn on one half of each side, an inner
fifth of it saying when to stop, and are judged on the other half. The estimate is the advantage ``P(says real | real) -
P(says real | fake)``, a lower bound on total variation in the mean (Lopez-Paz & Oquab 2017, "Revisiting classifier
two-sample tests", sections 3 and 5.3); the test permutes labels of the held-out half under the area of its ROC curve.

Rows must be whole images, as the features `flatten` give them. It sees local texture wherever it is: noise, blur, grids
and edges that a generator leaves behind; a perfect score says so, not that the images look bad to people. Trained on
the comparison's device, else on a CUDA device where there is one; a device gives the same number every time, host and
device agree to rounding only.
"""

from __future__ import annotations

import numpy as np

from gandiag.core.comparison import Comparison
from gandiag.core.results import Measurement
from gandiag.core.specs import MetricSpec
from gandiag.metrics._critic_test import critic_measurement
from gandiag.numerics.attribution import pixel_map
from gandiag.numerics.networks import fit_cnn


def measure(comparison: Comparison, /, *, rng: np.random.Generator) -> Measurement:
    """Measure the held-out advantage of a small convolutional network.

    Raises
    ------
    TooFewSamplesError
        For fewer than 8 rows of either side.
    """
    if comparison.image_shape is None:
        why = "rows must be whole images, as the features flatten gives them"
        return Measurement(estimate=None, status="undefined", reasons={"estimate": why})
    shape, device = comparison.image_shape, comparison.device or _device()
    return critic_measurement(
        comparison,
        lambda rows, labels: fit_cnn(rows, labels, shape, rng, device),
        rng,
        details={"critic": "convolutional network", "device": device},
        evidence=lambda critic, real, fake: {
            "pixel_map": pixel_map(critic, real, fake, shape),
            "filters": critic.parameters[0].permute(0, 2, 3, 1).double().cpu().numpy(),
        },
    )


def _device() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


METRIC = MetricSpec(
    name="c2st_cnn",
    title="Classifier test, convolutions",
    summary="How much better than a coin a convolutional network tells held-out fake images from real.",
    measure=measure,
    kind="lower_bound",
    direction="lower",
    unit="advantage",
    low=-1.0,
    high=1.0,
    family="distribution",
    topic="two_sample",
    symmetric=False,
    scale_invariant=True,
    zero_on_equal=False,
    min_real=8,
    min_fake=8,
    most_rows=1000,
    sees="local texture anywhere in an image: noise, blur, grids, edges",
    blind_to="what needs more images or a larger network to learn, such as global structure",
    cost="O((n + m) pixels) per epoch, at most 15 epochs; seconds for 1000 small images per side",
    source="Lopez-Paz & Oquab 2017, Revisiting classifier two-sample tests, sections 3 and 5.3",
    needs=frozenset({"images"}),
    default=False,
)
