"""Kullback-Leibler divergence, bounded from below on held-out rows: never gated.

``KL(real || fake) >= 1 + E_real log r - E_fake r`` for every function r > 0, with equality for the density ratio
(Nguyen, Wainwright & Jordan 2010, "Estimating divergence functionals and the likelihood ratio by convex risk
minimization"). Here r is the odds of the critic of `c2st`, frozen before it sees the rows that it is judged on, so the
plain value is below the divergence on average. The better known form of Donsker & Varadhan takes the logarithm of a
mean over fake rows; from a sample that is, by Jensen's inequality, too *large* on average, and it is no bound.

It must not decide over pass or fail. The divergence is infinite as soon as fake misses any real mass, which no sample
can rule out, and no lower bound that holds for every law can exceed the order of log n (McAllester & Stratos 2020,
"Formal limitations on the measurement of mutual information"): large divergences look alike. The critic's odds are
clipped, so a value near log(1/clip) = 6.9 means "large", no more. Use `jsd` or `total_variation` for decisions.

The other direction, ``KL(fake || real)``, is among the details: large where fake puts rows that real never has,
whereas this one is large where fake misses real mass.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from gandiag.core.comparison import Comparison
from gandiag.core.results import Interval, Measurement, Relabelling
from gandiag.core.specs import MetricSpec
from gandiag.metrics._shared_critics import shared_critics
from gandiag.numerics.critic_bounds import confident_kl, kl_lower_bound, nwj
from gandiag.numerics.critics import HeldOut

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]
Labels = NDArray[np.bool_]

LEVEL = 0.95


def measure(comparison: Comparison, /, *, rng: np.random.Generator) -> Measurement:
    """Measure the critic's lower bound on ``KL(real || fake)``, with its permutation null and a confidence bound.

    Raises
    ------
    TooFewSamplesError
        For fewer than 8 rows of either side.
    """
    held = shared_critics(comparison)
    ratios, labels = log_ratios(held), held.labels
    backwards = log_ratios(held, reverse=True)

    def statistic(columns: Labels) -> Matrix:
        n, on_real = columns.sum(axis=0), columns.astype(np.float64)
        second = np.exp(ratios)
        plain = 1.0 + (ratios @ on_real) / n - (second.sum() - second @ on_real) / (len(ratios) - n)
        return np.stack([np.maximum(plain, 0.0), plain])

    plain = nwj(ratios[labels], ratios[~labels])
    reverse = nwj(backwards[~labels], backwards[labels])
    bound = kl_lower_bound(held, level=LEVEL)
    return Measurement(
        estimate=max(0.0, plain),
        null=Relabelling(observed=labels, statistic=statistic),
        interval=Interval.of(
            lambda level: (max(0.0, bound(level)), None), level=LEVEL, method="empirical Bernstein", sided="lower"
        ),
        reasons={"e_value": "not a sequential test"},
        details={
            "critic": held.chosen,
            "plain_bound": plain,
            "reverse": max(0.0, reverse),
            "reverse_plain_bound": reverse,
            "reverse_low": max(0.0, confident_kl(held, level=LEVEL, reverse=True)),
            "largest_log_ratio": float(ratios.max()),
            "log_n": math.log(len(labels)),
            "gated": False,
            "n_test": len(labels),
        },
    )


def log_ratios(held: HeldOut, *, reverse: bool = False) -> Vector:
    """Give the critic's log density ratio real over fake (fake over real if ``reverse``) of each held-out row.

    Shifted so that its mean under the second law is 1 on the inner folds, as a ratio's must be: that makes the most of
    a critic and uses no row that judges it.
    """
    critic, sign = held.critic, -1.0 if reverse else 1.0
    inner = sign * _log_odds(critic.inner_probabilities)
    trained_real = np.arange(len(inner)) < len(held.train_real)
    second = inner[trained_real] if reverse else inner[~trained_real]
    shifted: Vector = sign * _log_odds(critic.probabilities) - math.log(float(np.exp(second).mean()))
    return shifted


def _log_odds(probabilities: Vector) -> Vector:
    odds: Vector = np.log(probabilities) - np.log1p(-probabilities)
    return odds


METRIC = MetricSpec(
    name="kl",
    title="Kullback-Leibler divergence",
    summary="Lower bound on KL(real || fake) by held-out rows; for reading, never for a gate.",
    measure=measure,
    kind="lower_bound",
    direction="lower",
    unit="nats",
    low=0.0,
    high=None,
    family="distribution",
    topic="divergences",
    symmetric=False,
    scale_invariant=True,
    zero_on_equal=False,
    min_real=8,
    min_fake=8,
    most_rows=5000,
    sees="real mass that fake holds too little of, as far as the critics can learn it",
    blind_to="how large it is beyond log n; what the critics cannot learn",
    cost="O((n + m)^2 d + (n + m) B)",
    source="Nguyen, Wainwright & Jordan 2010, NWJ bound; McAllester & Stratos 2020 (why it is never gated)",
    default=False,
)
