"""Classifier's e-value: what a gambler earns who bets, pair by pair, on telling real from fake.

Real and fake rows are put into pairs and shown in batches. Critics learn from all pairs of the past and bet on the next
batch: a pair (x, y) multiplies the wealth by ``h(2 g(real | x)) h(2 g(fake | y))`` with ``h(r) = l + (1 - l) r``, where
the share l that is held back and the trust in g are tuned on the past (Pandeva et al. 2024, "E-valuating classifier
two-sample tests", algorithm 1). Under equal laws x and y are independent draws of one law, so with A the mean of g the
factor has mean ``1 - (1 - l)^2 (2 A - 1)^2 <= 1``: the wealth is an e-value, whatever the critics and the sizes, and
``1 / max wealth`` is a p-value that may be read while the samples still come in (Ville 1939).

Three games run side by side, with a linear, a quadratic and a nearest-neighbour critic (see `c2st`); their average is
the e-value. The estimate is the logarithm of it per sample of the pairs that were bet on, which in the mean is a lower
bound on the Jensen-Shannon divergence. E-values of different runs multiply, and average under any dependence.

It sees what its critics see, later than a test that knows its size beforehand: that is the price of looking at any
time. Early pairs are spent on learning.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gandiag.core.comparison import Comparison
from gandiag.core.results import Floor, KnownNull, Measurement, PValue
from gandiag.core.specs import MetricSpec
from gandiag.numerics.betting import (
    MOST_LOG,
    anytime_p,
    first_crossing,
    log_average,
    log_peak,
    truth_factors,
    tuned,
)
from gandiag.numerics.classifiers import Classifier, fit_linear, fit_local, fit_quadratic

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]
Labels = NDArray[np.bool_]

LEVEL = 0.05
_FIRST_SHARE, _FEWEST_FIRST, _GROWTH = 0.25, 6, 1.5
_FITS: Mapping[str, Callable[[Matrix, Labels], Classifier]] = {
    "linear": fit_linear,
    "quadratic": fit_quadratic,
    "local": fit_local,
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Game:
    """Rows in the order in which they are shown, and where the batches end.

    Attributes
    ----------
    real, fake : ndarray, shape (p, d)
        The pairs.
    spare : ndarray, shape (s, d)
        Rows of the larger side that have no partner: known from the start.
    spare_is_real : bool
    ends : tuple of int
        Pairs that have been shown before each batch, and all of them last.
    """

    real: Matrix
    fake: Matrix
    spare: Matrix
    spare_is_real: bool
    ends: tuple[int, ...]

    def past(self, pairs: int) -> tuple[Matrix, Labels]:
        """Collect what is known before a batch: rows, and True where real."""
        rows = np.concatenate([self.real[:pairs], self.fake[:pairs], self.spare])
        labels = np.zeros(len(rows), dtype=bool)
        labels[:pairs] = True
        labels[2 * pairs :] = self.spare_is_real
        return rows, labels


def measure(comparison: Comparison, /, *, rng: np.random.Generator) -> Measurement:
    """Measure what betting critics earn per sample, with its e-value and Ville's p-value."""
    game = _dealt(comparison, rng)
    paths = np.stack([_wealth(game, fit) for fit in _FITS.values()])
    path = log_average(paths)
    peak, end, bets = log_peak(path), float(path[-1]), len(path)
    return Measurement(
        estimate=min(end / (2.0 * bets), math.log(2.0)),
        null=KnownNull(
            floor=Floor(
                mean=0.0,
                sd=1.0 / (2.0 * bets),
                source="bound: the log of an e-value has mean at most 0 and a tail of at most exp(-t) above it",
            ),
            p_value=PValue(value=anytime_p(peak), calibration="anytime-valid (Ville)"),
        ),
        e_value=math.exp(min(end, MOST_LOG)),
        reasons={"interval": "a lower bound in the mean, earned while learning: no interval is calibrated"},
        details={
            "log_e": end,
            "log_e_peak": peak,
            "log_e_of_critics": {name: float(p[-1]) for name, p in zip(_FITS, paths, strict=True)},
            "pairs_bet": bets,
            "pairs_learned_first": game.ends[0],
            "batches": len(game.ends) - 1,
            "stopped_after": first_crossing(path, LEVEL),
            "rows_without_partner": len(game.spare),
        },
        arrays={"log_wealth": path},
    )


def _dealt(comparison: Comparison, rng: np.random.Generator) -> Game:
    """Shuffle both sides and set the ends of the batches, each half as large as its past."""
    real = comparison.real[rng.permutation(comparison.n)]
    fake = comparison.fake[rng.permutation(comparison.m)]
    pairs = min(comparison.n, comparison.m)
    ends = [max(_FEWEST_FIRST, int(_FIRST_SHARE * pairs))]
    while ends[-1] < pairs:
        ends.append(min(pairs, math.ceil(_GROWTH * ends[-1])))
    longer = real if comparison.n > comparison.m else fake
    return Game(
        real=real[:pairs],
        fake=fake[:pairs],
        spare=longer[pairs:],
        spare_is_real=comparison.n > comparison.m,
        ends=tuple(ends),
    )


def _wealth(game: Game, fit: Callable[[Matrix, Labels], Classifier]) -> Vector:
    """Play one critic's game: the logarithm of wealth after each pair that was bet on."""
    half = game.ends[0] // 2
    tried = _odds(game, fit(*game.past(half)), half, game.ends[0])
    steps = []
    for start, end in zip(game.ends[:-1], game.ends[1:], strict=True):
        kept, trust = tuned(tried)
        found = _odds(game, fit(*game.past(start)), start, end)
        steps.append(truth_factors(found, kept, trust).sum(axis=1))
        tried = np.concatenate([tried, found])
    path: Vector = np.cumsum(np.concatenate(steps))
    return path


def _odds(game: Game, critic: Classifier, start: int, end: int) -> Matrix:
    """Give the log odds of the truth of each row of some pairs, shape (pairs, 2): real, fake."""
    return np.stack([critic.scores(game.real[start:end]), -critic.scores(game.fake[start:end])], axis=1)


METRIC = MetricSpec(
    name="c2st_e",
    title="Classifier's e-value",
    summary="What a gambler earns per sample by telling fake from real: 0 or less for equal laws, valid at any time.",
    measure=measure,
    kind="lower_bound",
    direction="lower",
    unit="nats",
    low=None,
    high=math.log(2.0),
    family="distribution",
    topic="two_sample",
    symmetric=False,
    scale_invariant=True,
    zero_on_equal=False,
    min_real=8,
    min_fake=8,
    most_rows=2000,
    sees="what a linear, a quadratic or a nearest-neighbour critic learns from the past; may be stopped at any time",
    blind_to="small differences: evidence that may be read at any time needs more samples than a single test",
    cost="O((n + m)^2 d): each batch is half as large as its past",
    source="Pandeva, Bakker, Naesseth & Forré 2024, E-valuating classifier two-sample tests, algorithm 1",
    default=False,
)
