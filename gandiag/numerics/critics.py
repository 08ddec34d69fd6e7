"""Held-out critics: classifiers that learn on one half of both samples and are judged on the other.

Friedman 2003, "On multivariate goodness-of-fit and two-sample testing"; Lopez-Paz & Oquab 2017, "Revisiting classifier
two-sample tests". Three critics of different temper (see `classifiers`): a *linear* one sees shifts in any dimension
and is blind to pure changes of scale, a *quadratic* one sees shifts and scales of the columns in any dimension, and a
*local* one sees any difference in few dimensions. Which of them speaks is chosen on the training half alone, by
cross-validated loss, so that the held-out half carries one test and no multiplicity.

Held-out rows never enter anything that is fitted: given the training half the critic is a fixed function, and held-out
labels are exchangeable when both laws are equal, whatever the critic learned.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from gandiag.errors import TooFewSamplesError
from gandiag.numerics.classifiers import Classifier, fit_linear, fit_local, fit_quadratic

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]
Labels = NDArray[np.bool_]
Rows = NDArray[np.int64]

FEWEST_ROWS = 8
# Probabilities stay within [CLIP, 1 - CLIP], so that one surprise cannot dominate a mean log score.
CLIP = 1e-3
_INNER_FOLDS = 5
_SLOPES = np.geomspace(0.01, 8.0, 40)
Fit = Callable[[Matrix, Labels], Classifier]


@dataclass(frozen=True, kw_only=True, eq=False)
class JudgedCritic:
    """A fitted critic with what it said about the held-out rows.

    Attributes
    ----------
    fitted : Classifier
    threshold, slope : float
        Shift and factor of the log odds that made the critic honest on the inner folds.
    least, most : float
        Probabilities stay between these: the extremes of the inner folds, within [CLIP, 1 - CLIP]. Known before any
        held-out row was seen, which is what bounded-difference inequalities ask for.
    inner_loss : float
        Cross-entropy on the inner folds at equal priors, nats.
    inner_probabilities : ndarray, shape (l,)
        What it said of the training rows, each from the folds without it; real rows first.
    scores, probabilities : ndarray, shape (t,)
        Log odds beyond the threshold, and calibrated probability of "real", of each held-out row at equal priors.
    """

    fitted: Classifier
    threshold: float
    slope: float
    least: float
    most: float
    inner_loss: float
    inner_probabilities: Vector
    scores: Vector
    probabilities: Vector

    @property
    def says_real(self) -> Vector:
        """1.0 where a held-out row is called real, else 0.0."""
        return (self.scores > 0.0).astype(np.float64)


@dataclass(frozen=True, kw_only=True, eq=False)
class HeldOut:
    """All critics on the held-out half.

    Attributes
    ----------
    real_rows, fake_rows : ndarray of int
        Which rows of either side were held out; held-out arrays hold the real ones first.
    train_real, train_fake : ndarray of int
        Which rows the critics learned from.
    labels : ndarray of bool, shape (t,)
        True where a held-out row is real.
    critics : mapping of str to JudgedCritic
        "linear", "quadratic" and "local".
    chosen : str
        The critic with the smaller inner loss; picked without the held-out half.
    """

    real_rows: Rows
    fake_rows: Rows
    train_real: Rows
    train_fake: Rows
    labels: Labels
    critics: Mapping[str, JudgedCritic]
    chosen: str

    @property
    def critic(self) -> JudgedCritic:
        """The critic that speaks."""
        return self.critics[self.chosen]


@dataclass(frozen=True, kw_only=True, eq=False)
class Halves:
    """Both sides cut in two, as many of each side in either half.

    Attributes
    ----------
    train_real, train_fake, real_rows, fake_rows : ndarray of int
        Which rows are learned from, and which are held out.
    rows, labels : ndarray, shape (l, d) and (l,)
        What is learned from, real rows first; True where real.
    test, test_labels : ndarray, shape (t, d) and (t,)
        The same of what is held out.
    """

    train_real: Rows
    train_fake: Rows
    real_rows: Rows
    fake_rows: Rows
    rows: Matrix
    labels: Labels
    test: Matrix
    test_labels: Labels


def split_halves(real: Matrix, fake: Matrix, rng: np.random.Generator) -> Halves:
    """Cut both sides in two without a look at a value.

    Raises
    ------
    TooFewSamplesError
        For fewer than 8 rows of either side.
    """
    _require_rows(len(real), len(fake))
    train_real, test_real = _halves(len(real), rng)
    train_fake, test_fake = _halves(len(fake), rng)
    rows = np.concatenate([real[train_real], fake[train_fake]])
    test = np.concatenate([real[test_real], fake[test_fake]])
    return Halves(
        train_real=train_real,
        train_fake=train_fake,
        real_rows=test_real,
        fake_rows=test_fake,
        rows=rows,
        labels=np.arange(len(rows)) < len(train_real),
        test=test,
        test_labels=np.arange(len(test)) < len(test_real),
    )


def held_out_critics(real: Matrix, fake: Matrix, rng: np.random.Generator, device: str | None = None) -> HeldOut:
    """Train the critics on half of each side and let them judge the other half.

    Parameters
    ----------
    real : ndarray, shape (n, d)
    fake : ndarray, shape (m, d)
        Independent rows; unequal sizes are split alike and the critics' odds are brought to equal priors.
    rng : numpy.random.Generator
        Draws the split and the inner folds; never looks at a value.
    device : str, optional
        A torch device for the fits of the linear and the quadratic critic. They end where those of the host do, but
        for rounding, which counts for more where 200 steps do not suffice.

    Raises
    ------
    TooFewSamplesError
        For fewer than 8 rows of either side.

    Notes
    -----
    Cost O(N d) per step of the linear and the quadratic and O(N^2 d) for the local critic, N = n + m.
    """
    cut = split_halves(real, fake, rng)
    folds = np.concatenate([_folds(len(cut.train_real), rng), _folds(len(cut.train_fake), rng)])
    fits: Mapping[str, Fit] = {
        "linear": partial(fit_linear, device=device),
        "quadratic": partial(fit_quadratic, device=device),
        "local": fit_local,
    }
    critics = {name: _judged(fit, cut.rows, cut.labels, folds, cut.test) for name, fit in fits.items()}
    return HeldOut(
        real_rows=cut.real_rows,
        fake_rows=cut.fake_rows,
        train_real=cut.train_real,
        train_fake=cut.train_fake,
        labels=cut.test_labels,
        critics=critics,
        # Rounded, so that a tie goes to the linear critic and not to the last digit.
        chosen=min(critics, key=lambda name: round(critics[name].inner_loss, 12)),
    )


def _require_rows(n: int, m: int) -> None:
    if min(n, m) < FEWEST_ROWS:
        raise TooFewSamplesError(
            f"a held-out critic needs at least {FEWEST_ROWS} rows of each side",
            received=f"{n} real and {m} fake",
            remedy="Draw more samples.",
        )


def _halves(n: int, rng: np.random.Generator) -> tuple[Rows, Rows]:
    order = rng.permutation(n)
    return np.sort(order[: n // 2]), np.sort(order[n // 2 :])


def _folds(n: int, rng: np.random.Generator) -> Rows:
    # Stratified by construction: one call per side. Un-stratified folds read below chance where nothing differs.
    return rng.permutation(n) % min(_INNER_FOLDS, n)


def _judged(fit: Fit, rows: Matrix, labels: Labels, folds: Rows, test: Matrix) -> JudgedCritic:
    inner = np.empty(len(rows))
    for fold in range(int(folds.max()) + 1):
        left_out = folds == fold
        inner[left_out] = fit(rows[~left_out], labels[~left_out]).scores(rows[left_out])
    threshold, slope, loss = _calibration(inner, labels)
    seen = _probability(inner - threshold, slope)
    least = min(max(CLIP, float(seen.min())), 0.5)
    most = max(min(1.0 - CLIP, float(seen.max())), 0.5)
    critic = fit(rows, labels)
    scores = critic.scores(test) - threshold
    return JudgedCritic(
        fitted=critic,
        threshold=threshold,
        slope=slope,
        least=least,
        most=most,
        inner_loss=loss,
        inner_probabilities=np.clip(seen, least, most),
        scores=scores,
        probabilities=np.clip(_probability(scores, slope), least, most),
    )


def _calibration(scores: Vector, labels: Labels) -> tuple[float, float, float]:
    """Find the threshold and the factor on the log odds with the least inner cross-entropy at equal priors.

    An overfit critic is too sure of itself, and in many dimensions the wider law's rows have the narrower law's for
    neighbours, which moves all scores to one side (hubs). Without this the mean log score and the calls would say
    nothing although the ranking is sound. The factor is positive, so the ranking stays as it is.
    """
    weights = np.where(labels, 0.5 / labels.sum(), 0.5 / (~labels).sum())
    # Two candidates only: a freely fitted threshold runs off to one side where nothing differs.
    candidates = (0.0, float(scores[labels].mean() + scores[~labels].mean()) / 2.0)
    best = (0.0, 1.0, math.inf)
    for threshold in candidates:
        margins = np.where(labels, scores - threshold, threshold - scores)
        for slope in _SLOPES:
            loss = float(weights @ np.logaddexp(0.0, -slope * margins))
            # A gain within rounding is none: equal rows must be judged alike on every machine.
            best = (threshold, float(slope), loss) if loss < best[2] - 1e-12 else best
    return best


def _probability(scores: Vector, slope: float) -> Vector:
    from scipy.special import expit

    found: Vector = expit(slope * scores)
    return found
