"""Feature likelihood divergence: how likely fresh real rows are under a mixture that is centred at the fake ones.

``FLD = 100 / d * (mean over fresh real x of -log p(x)) - C`` with ``p`` the mixture of isotropic normal laws around the
fake rows, one bandwidth each, fitted to training rows by maximum likelihood (Jiralerspong, Bose, Gemp, Qin, Bachrach &
Gidel 2023, "Feature likelihood divergence: evaluating the generalization of generative models using samples", section
3). Rows far from the data waste their share of the density, missing modes leave real rows without any, and a copy of a
training row draws its bandwidth towards 0, where it says nothing about fresh rows: fidelity, diversity and novelty in
one number. 0 is what as many real rows score in the place of the fake ones; above 0 is worse.

The training rows are halved. C is the score of rows of the first half as centres, as many as fake ones are used; both
sets of centres get their bandwidths in one fit to the second half, a rule that does not know which centre is whose.
The paper fits fakes alone, to all training rows, and takes C from a fit of its own. In place of its base likelihood a
normal law ten times as wide as the data stands behind every mixture, with a weight of 0.01.

*What the p-value tests*: that fake rows and rows of the first half are exchangeable, given the second half and the
fresh real rows, as they are when fake rows are as good as further draws of the real law. Under that hypothesis it is
exact, since nothing was fitted with a look at the labels of the centres. It rejects poor rows as well as copies. Which
of both it is `generalisation_gap` says, the score of the second half minus that of the fresh rows: far below that of
the real centres where fake rows cling to what they were trained on. Copies of the first half look like the rows they
copy, so about half of all copies count, and in hundreds of columns they hardly move the score, though the gap shows
them at once. `data_copying` and `membership_inference` look for nothing else.

It is a likelihood in as many dimensions as there are columns: where these are many, small differences of bandwidth
decide, and rows of equal score need not be alike. The paper computes it on DINOv2 features.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gandiag.core.comparison import Comparison
from gandiag.core.results import Measurement, Relabelling
from gandiag.core.specs import MetricSpec
from gandiag.numerics.halves import halves
from gandiag.numerics.mixtures import fit_bandwidths, mean_log_likelihoods

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]
Labels = NDArray[np.bool_]
Index = NDArray[np.int64]

FEWEST_TRAIN = 4
MOST_FITTED = 1000


def measure(comparison: Comparison, /, *, rng: np.random.Generator) -> Measurement:
    """Measure the divergence of fake centres from real ones, with its permutation null.

    Parameters
    ----------
    comparison : Comparison
        With at least four training rows; at most 2000 are used.
    rng : numpy.random.Generator
        Halves the training rows, and draws as many centres of either kind where one has more.
    """
    reasons = {
        "e_value": "not a sequential test",
        "interval": "away from equal laws the score's spread over draws of the centres is not known",
    }
    train = comparison.train
    if train is None or len(train) < FEWEST_TRAIN:
        why = "no training rows were given" if train is None else f"{len(train)} training rows are too few to halve"
        return Measurement(estimate=None, status="undefined", reasons=reasons | {"estimate": why, "p_value": why})
    first, second = halves(len(train), rng)
    count = min(len(first), comparison.m, MOST_FITTED)
    centres = np.concatenate([train[_some(first, count, rng)], comparison.fake[_some(comparison.m, count, rng)]])
    fitted, fresh = train[_some(second, MOST_FITTED, rng)], comparison.real
    logs, backgrounds = _densities(centres, fitted, fresh)
    is_real = np.arange(2 * count) < count
    per_row = 100.0 / comparison.d

    def scores(at: int, labels: Labels) -> Vector:
        return -per_row * mean_log_likelihoods(logs[at], backgrounds[at], labels)

    def statistic(labels: Labels) -> Matrix:
        return (scores(1, ~labels) - scores(1, labels))[None, :]

    estimate = float(statistic(is_real[:, None])[0, 0])
    return Measurement(
        estimate=estimate,
        null=Relabelling(observed=is_real, statistic=statistic),
        reasons=reasons,
        details={
            **_gaps(scores, is_real),
            "centres": count,
            "rows_fitted": len(fitted),
            "n_train": len(train),
        },
    )


def _some(rows: Index | int, count: int, rng: np.random.Generator) -> Index:
    """Draw at most ``count`` row numbers, in order."""
    of = np.arange(rows) if isinstance(rows, int) else rows
    return of if len(of) <= count else np.sort(rng.choice(of, size=count, replace=False))


def _densities(centres: Matrix, fitted: Matrix, fresh: Matrix) -> tuple[list[Matrix], list[Vector]]:
    """Fit all centres to the fitted rows, and give all log densities at the fitted and at the fresh rows."""
    together = np.concatenate([centres, fitted])
    # In units of their common size, which no label enters, and from their middle: squares stay in the range of floats.
    middle = together.mean(axis=0)
    unit = float(np.abs(together - middle).max()) or 1.0
    centres, fitted, fresh = ((rows - middle) / unit for rows in (centres, fitted, fresh))
    mixture = fit_bandwidths(centres, fitted)
    found = [mixture.logs(rows) for rows in (fitted, fresh)]
    return [logs for logs, _ in found], [background for _, background in found]


def _gaps(scores: Any, is_real: Labels) -> dict[str, float]:
    """Give the score of fitted minus fresh rows under either mixture: negative where centres cling to fitted rows."""
    fake, real = (
        float(scores(0, labels[:, None])[0] - scores(1, labels[:, None])[0]) for labels in (~is_real, is_real)
    )
    return {"generalisation_gap": fake, "generalisation_gap_of_real": real}


METRIC = MetricSpec(
    name="fld",
    title="Feature likelihood divergence",
    summary="How likely fresh real rows are under a mixture around the fake ones; copies, too, make them unlikely.",
    measure=measure,
    kind="estimate",
    direction="lower",
    unit="centinats per dimension",
    low=None,
    high=None,
    family="memorisation",
    topic="memorisation",
    symmetric=False,
    scale_invariant=True,
    zero_on_equal=False,
    min_real=2,
    min_fake=2,
    most_rows=1000,
    needs=frozenset({"train"}),
    default=False,
    sees="poor rows, missing modes and copies of training rows alike",
    blind_to="which of these it is, and copies of the half of the training rows that serves as its measure",
    cost="O(t c (d + 30)) to fit c centres to t rows, + n c B",
    source="Jiralerspong et al. 2023, Feature likelihood divergence, section 3",
)
