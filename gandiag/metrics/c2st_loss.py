"""Classifier's loss: the cross-entropy of a held-out critic, which is log 2 where real and fake cannot be told apart.

``CE = -(mean over real of log D + mean over fake of log(1 - D)) / 2`` at equal priors, with the critic of `c2st`. Its
expectation is at least ``log 2 - JSD`` for every critic (Goodfellow et al. 2014, "Generative adversarial nets",
theorem 1), so it is an upper bound on the loss of the best possible critic. A critic that does worse than a coin is
replaced by the coin: the estimate is at most log 2, and the plain loss is among the details.

It sees what the critic sees and how sure it is, which the accuracy does not.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from gandiag.core.comparison import Comparison
from gandiag.core.results import Interval, Measurement, Relabelling
from gandiag.core.specs import MetricSpec
from gandiag.metrics._shared_critics import shared_critics
from gandiag.numerics.bounded_means import BothBounds, gaffke_bounds
from gandiag.numerics.critics import JudgedCritic
from gandiag.numerics.scoring import information

Matrix = NDArray[np.float64]
Labels = NDArray[np.bool_]

LEVEL = 0.95
COIN = math.log(2.0)


def measure(comparison: Comparison, /, *, rng: np.random.Generator) -> Measurement:
    """Measure the held-out cross-entropy of the chosen critic, with its permutation null.

    Raises
    ------
    TooFewSamplesError
        For fewer than 8 rows of either side.
    """
    held = shared_critics(comparison)
    probabilities = held.critic.probabilities
    loss = COIN - float(information(probabilities, held.labels[:, None])[0])
    bounds = _bounds(held.critic, held.labels, loss, rng)
    return Measurement(
        estimate=min(loss, COIN),
        null=Relabelling(observed=held.labels, statistic=_statistic(probabilities), alternative="less"),
        interval=Interval.of(bounds, level=LEVEL, method="Gaffke's bound of bounded terms, critic held fixed"),
        reasons={"e_value": "not a sequential test"},
        details={
            "critic": held.chosen,
            "loss": loss,
            "loss_at_equality": COIN,
            "loss_real": float(-np.log(probabilities[held.labels]).mean()),
            "loss_fake": float(-np.log1p(-probabilities[~held.labels]).mean()),
            "n_test": len(held.labels),
        },
    )


def _statistic(probabilities: Matrix) -> Callable[[Labels], Matrix]:
    def losses(labels: Labels) -> Matrix:
        loss = COIN - information(probabilities, labels)
        return np.stack([np.minimum(loss, COIN), loss])

    return losses


def _bounds(critic: JudgedCritic, labels: Labels, loss: float, rng: np.random.Generator) -> BothBounds:
    """Bound the critic's expected loss within the range that was fixed on the training half.

    Losses are skewed: a critic that is sure and mostly right errs rarely and dearly, and on few rows perhaps not at
    all. A t interval then has no width and misses the truth half of the time.
    """
    real, fake = -np.log(critic.probabilities[labels]), -np.log1p(-critic.probabilities[~labels])
    real_least, real_most = -math.log(critic.most), -math.log(critic.least)
    fake_least, fake_most = -math.log1p(-critic.least), -math.log1p(-critic.most)
    if len(real) == len(fake):
        # Independent rows, paired by their place: the pairs are independent terms.
        least, most = (real_least + fake_least) / 2.0, (real_most + fake_most) / 2.0
        plain = gaffke_bounds((real + fake) / 2.0, least, most, rng)
    else:
        on_real = gaffke_bounds(real, real_least, real_most, rng)
        on_fake = gaffke_bounds(fake, fake_least, fake_most, rng)

        def plain(level: float) -> tuple[float, float]:
            half = 1.0 - (1.0 - level) / 2.0
            (real_low, real_high), (fake_low, fake_high) = on_real(half), on_fake(half)
            return (real_low + fake_low) / 2.0, (real_high + fake_high) / 2.0

    def bounds(level: float) -> tuple[float, float]:
        low, high = plain(level)
        low, high = min(low, loss), max(high, loss)  # the same sums, rounded otherwise
        return min(low, COIN), min(high, COIN)

    return bounds


METRIC = MetricSpec(
    name="c2st_loss",
    title="Classifier's loss",
    summary="Cross-entropy of a critic on held-out samples: log 2 = 0.693 where it cannot tell fake from real.",
    measure=measure,
    kind="upper_bound",
    direction="higher",
    unit="nats",
    low=0.0,
    high=COIN,
    family="distribution",
    topic="two_sample",
    symmetric=False,
    scale_invariant=True,
    zero_on_equal=False,
    min_real=8,
    min_fake=8,
    most_rows=5000,
    sees="how sure a critic is, row by row: small differences spread over many rows",
    blind_to="what no linear, quadratic or nearest-neighbour critic learns from half of the rows",
    cost="O((n + m)^2 d + (n + m) B)",
    source="Goodfellow et al. 2014, Generative adversarial nets, theorem 1; Lopez-Paz & Oquab 2017, section 3",
)
