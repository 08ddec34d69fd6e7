"""Jensen-Shannon divergence, bounded from below by a held-out critic.

``JSD >= log 2 + E_P log D / 2 + E_Q log(1 - D) / 2`` for every D in (0, 1), with equality for the best possible critic
(Goodfellow et al. 2014, theorem 1; Nowozin, Cseke & Tomioka 2016, "f-GAN", section 2). The critic is frozen before it
sees the rows that it is judged on, so both expectations are means of independent bounded terms and the lower confidence
bound holds for every law (Maurer & Pontil 2009, theorem 4).

A bound below 0 says no more than "at least 0", which is then the estimate; the plain value is among the details. It is
blind to what its critics miss: 0 is no evidence of equality.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from gandiag.core.comparison import Comparison
from gandiag.core.results import Interval, Measurement, Relabelling
from gandiag.core.specs import MetricSpec
from gandiag.numerics.binomial import empirical_bernstein_lower
from gandiag.numerics.critics import CLIP, HeldOut, held_out_critics
from gandiag.numerics.scoring import information

Matrix = NDArray[np.float64]
Labels = NDArray[np.bool_]

LEVEL = 0.95
LARGEST = math.log(2.0)
# Candidates for the least probability behind the confidence bound.
_CLIPS = tuple(float(clip) for clip in np.geomspace(CLIP, 0.45, 14))


def jensen_shannon(p: Matrix, q: Matrix) -> float:
    """Compute the Jensen-Shannon divergence of two discrete laws exactly.

    Parameters
    ----------
    p, q : ndarray, shape (k,)
        Probabilities, each summing to 1.

    Returns
    -------
    float
        Nats, in [0, log 2]; the square of `scipy.spatial.distance.jensenshannon`.

    Examples
    --------
    >>> import numpy as np
    >>> round(jensen_shannon(np.array([0.5, 0.25, 0.25]), np.array([0.25, 0.25, 0.5])), 6)
    0.042475
    """
    from scipy.special import rel_entr

    middle = (p + q) / 2.0
    return 0.5 * float(rel_entr(p, middle).sum() + rel_entr(q, middle).sum())


def measure(comparison: Comparison, /, *, rng: np.random.Generator) -> Measurement:
    """Measure the critic's lower bound on the divergence, with its permutation null and a lower confidence bound.

    Raises
    ------
    TooFewSamplesError
        For fewer than 8 rows of either side.
    """
    held = comparison.once(
        "held_out_critics", lambda shared: held_out_critics(comparison.real, comparison.fake, shared)
    )
    plain = float(information(held.critic.probabilities, held.labels[:, None])[0])
    estimate = max(0.0, plain)
    low = max(0.0, _confidence_bound(held))
    return Measurement(
        estimate=estimate,
        null=Relabelling(observed=held.labels, statistic=_statistic(held.critic.probabilities)),
        interval=Interval(low=low, high=None, level=LEVEL, method="empirical Bernstein", sided="lower"),
        reasons={"e_value": "not a sequential test"},
        details={
            "critic": held.chosen,
            "plain_bound": plain,
            "bits": estimate / LARGEST,
            "js_distance": math.sqrt(estimate),
            "js_distance_normalised": math.sqrt(estimate / LARGEST),
            "confident_bits": low / LARGEST,
            "n_test": len(held.labels),
        },
    )


def _statistic(probabilities: Matrix) -> Callable[[Labels], Matrix]:
    def bounds(labels: Labels) -> Matrix:
        plain = information(probabilities, labels)
        return np.stack([np.maximum(plain, 0.0), plain])

    return bounds


def _confidence_bound(held: HeldOut) -> float:
    """Bound the expected log score from below, clipped to the range that promised most on the inner folds.

    The range enters the bound, and rare sure calls widen it for little information. It is chosen on the training half,
    so the held-out terms stay independent and bounded by constants.
    """
    critic = held.critic
    trained = np.arange(len(critic.inner_probabilities)) < len(held.train_real)
    ranges = [(max(clip, critic.least), min(1.0 - clip, critic.most)) for clip in _CLIPS]
    best = max(ranges, key=lambda allowed: _bernstein(critic.inner_probabilities, trained, *allowed))
    return _bernstein(critic.probabilities, held.labels, *best)


def _bernstein(probabilities: Matrix, labels: Labels, least: float, most: float) -> float:
    probabilities = np.clip(probabilities, least, most)
    on_real, on_fake = np.log(2.0 * probabilities[labels]), np.log(2.0 * (1.0 - probabilities[~labels]))
    real_range = math.log(2.0 * least), math.log(2.0 * most)
    fake_range = math.log(2.0 * (1.0 - most)), math.log(2.0 * (1.0 - least))
    if len(on_real) == len(on_fake):
        # Independent rows, paired by their place: the pairs are independent terms.
        low, high = ((real_range[i] + fake_range[i]) / 2.0 for i in range(2))
        return empirical_bernstein_lower((on_real + on_fake) / 2.0, low, high, level=LEVEL)
    half = 1.0 - (1.0 - LEVEL) / 2.0
    real = empirical_bernstein_lower(on_real, *real_range, level=half)
    return (real + empirical_bernstein_lower(on_fake, *fake_range, level=half)) / 2.0


METRIC = MetricSpec(
    name="jsd",
    title="Jensen-Shannon divergence",
    summary="Lower bound on the divergence that an ideal GAN minimises; log 2 = 0.693 where both never overlap.",
    measure=measure,
    kind="lower_bound",
    direction="lower",
    unit="nats",
    low=0.0,
    high=LARGEST,
    family="distribution",
    topic="divergences",
    symmetric=False,
    scale_invariant=True,
    zero_on_equal=False,
    min_real=8,
    min_fake=8,
    most_rows=5000,
    sees="every difference that the critics can learn, as the divergence that a GAN minimises",
    blind_to="what no linear, quadratic or nearest-neighbour critic learns from half of the rows",
    cost="O((n + m)^2 d + (n + m) B)",
    source="Nowozin, Cseke & Tomioka 2016, f-GAN, section 2; Maurer & Pontil 2009, theorem 4",
)
