"""Precision-recall curve of two laws: quality against coverage, at every exchange rate between them.

Sajjadi, Bachem, Lucic, Bousquet & Gelly 2018, "Assessing generative models via precision and recall": for a slope l,
``alpha(l) = sum min(l p, q)`` is the precision and ``beta(l) = alpha(l) / l`` the recall; ``alpha(1)`` is one minus
total variation. A dropped mode costs recall, a wrong sample costs precision; the estimate is the largest F_1 along the
curve, and F_8 (recall first) and F_1/8 (precision first) are the paper's summary of either side.

By default the ratio p / q is that of a critic which learned on one half of the rows, and the curve is judged on the
other (Simon, Webster & Rabin 2019, theorem 3): no bins, and at every slope an upper bound on average, before it is
brought to its range. Precision and recall are held at 1, so under equal laws the curve and F_1 read a little less (0.95
and 0.99 at 60 rows per side): compare with the floor. `overlap_high` is a bound with confidence.
``method="clusters"`` is the paper's: shares of k-means clusters, averaged over several runs; here the clusters are
fitted on rows set aside instead of on the very rows that are compared.

The end points are fragile, as is everything about supports: a smooth critic never says that a ratio is 0, so the
largest precision and recall read 1 except with clusters. It is blind to what critic or clusters miss: 1 is no proof of
equality.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gandiag.core.comparison import Comparison
from gandiag.core.results import Measurement, Relabelling
from gandiag.core.specs import MetricSpec
from gandiag.errors import ConfigError
from gandiag.metrics._shared_critics import shared_critics
from gandiag.numerics.binomial import advantage_interval
from gandiag.numerics.histograms import cell_centres, nearest_cell
from gandiag.numerics.trade_offs import best_f, clipped, judged_trade_off, overlap_area, slopes, trade_off

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]
Labels = NDArray[np.bool_]
# The curve of every labelling of the judged rows, not clipped, with the labels that were observed and details.
Curves = tuple[Callable[[Labels], Matrix], Labels, dict[str, Any]]

LEVEL = 0.95
WEIGHT = 8.0


def measure(
    comparison: Comparison,
    /,
    *,
    rng: np.random.Generator,
    method: str = "critic",
    clusters: int = 20,
    runs: int = 10,
) -> Measurement:
    """Measure the curve and its largest F_1, with the permutation null of the judged rows.

    Parameters
    ----------
    comparison : Comparison
    rng : numpy.random.Generator
        Draws the clusters' first centres.
    method : {"critic", "clusters"}
        Where the ratio of both laws comes from.
    clusters, runs : int
        Clusters per run and runs to average, for "clusters".

    Raises
    ------
    TooFewSamplesError
        For fewer than 8 rows of either side.
    """
    if method not in ("critic", "clusters") or clusters < 1 or runs < 1:
        raise ConfigError(
            '`method` must be "critic" or "clusters", with at least one cluster and one run',
            received=f"method={method!r}, clusters={clusters}, runs={runs}",
            remedy='Pass method="critic".',
        )
    by_critic = method == "critic"
    curves, labels, details = _by_critic(comparison) if by_critic else _by_clusters(comparison, clusters, runs, rng)
    at = slopes()

    def statistic(columns: Labels) -> Matrix:
        alpha = curves(columns)
        return np.stack([best_f(clipped(alpha, at), at, 1.0), overlap_area(alpha, at)])

    alpha = clipped(curves(labels[:, None]), at)[:, 0]
    best = int(np.argmax(2.0 * alpha / (at + 1.0)))
    return Measurement(
        estimate=float(best_f(alpha, at, 1.0)),
        null=Relabelling(observed=labels, statistic=statistic, alternative="less", worse="less", draws=999),
        reasons={
            "e_value": "not a sequential test",
            "interval": "the largest of many correlated scores; the overlap has its exact bound among the details",
        },
        details={
            "method": method,
            f"f_{WEIGHT:g}": float(best_f(alpha, at, WEIGHT)),
            f"f_1_over_{WEIGHT:g}": float(best_f(alpha, at, 1.0 / WEIGHT)),
            "best_precision": float(alpha[best]),
            "best_recall": float(alpha[best] / at[best]),
            "overlap": float(alpha[len(at) // 2]),
            "max_precision": float(alpha.max()),
            "max_recall": float((alpha / at).max()),
            **details,
        },
        arrays={"precision": alpha, "recall": alpha / at, "slopes": at},
    )


def _by_critic(comparison: Comparison) -> Curves:
    held = shared_critics(comparison)
    labels, says_real = held.labels, held.critic.says_real
    n, hits, alarms = int(labels.sum()), int(says_real[labels].sum()), int(says_real[~labels].sum())
    low, _ = advantage_interval(hits, n, alarms, len(labels) - n, level=LEVEL, sided="lower")
    ratios, at = held.critic.slope * held.critic.scores, slopes()
    details = {"critic": held.chosen, "overlap_high": min(1.0, 1.0 - low), "n_test": len(labels)}
    return lambda columns: judged_trade_off(ratios, columns, at), labels, details


def _by_clusters(comparison: Comparison, clusters: int, runs: int, rng: np.random.Generator) -> Curves:
    pool, is_real = comparison.pooled()
    at = slopes()
    members = []
    for _ in range(runs):
        centres = cell_centres(comparison.fit, clusters, rng)
        members.append(np.eye(len(centres))[:, nearest_cell(pool, centres)])

    def curves(columns: Labels) -> Matrix:
        on_real = columns.astype(np.float64)
        n = on_real.sum(axis=0)
        shares = ((one @ on_real, one.sum(axis=1)[:, None]) for one in members)
        alphas = (trade_off(real / n, (total - real) / (len(pool) - n), at) for real, total in shares)
        mean: Matrix = sum(alphas, np.zeros((len(at), columns.shape[1]))) / runs
        return mean

    return curves, is_real, {"clusters": max(len(one) for one in members), "runs": runs}


METRIC = MetricSpec(
    name="prd",
    title="Precision-recall curve",
    summary="How much of fake is real and how much of real is covered, at every exchange rate: best F_1, F_8, F_1/8.",
    measure=measure,
    kind="upper_bound",
    direction="higher",
    unit="F_1",
    low=0.0,
    high=1.0,
    family="fidelity",
    topic="divergences",
    symmetric=False,
    scale_invariant=True,
    zero_on_equal=False,
    min_real=8,
    min_fake=8,
    most_rows=5000,
    sees="dropped mass (recall) and wrong samples (precision), apart from each other, as far as the critics learn them",
    blind_to="what no linear, quadratic or nearest-neighbour critic learns from half of the rows",
    cost="O((n + m)^2 d + (n + m) B), and O((n + m) k d) per run for k clusters",
    source="Sajjadi et al. 2018, Assessing generative models via precision and recall, eq. 4; Simon et al. 2019",
    default=False,
)
