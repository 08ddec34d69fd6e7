"""Stacked modes: how many of the classes of stacked images a sampler produces, read channel by channel.

The protocol of Metz et al. 2017 ("Unrolled GANs", section 3.3.1) and Srivastava et al. 2017 ("VEEGAN", section 4.2):
three digits are the channels of one image, a digit classifier reads each channel, and the 1000 triples are the modes.
The tables since then count a mode with a single image as captured. With a classifier that misreads 1 % of digits a
sampler of 100 modes then "captures" 533 in 26 000 draws; here a mode counts when its images reject
``Binomial(m, leak)`` at level ``0.05 / K``, with the leak of the very classifier, measured on the real images.

The classifier is the nearest neighbour among the channels of the rows set aside: it needs no training and no weights.
Images of one channel, and colour images of fewer classes than stacks have, are read whole, as one of the classes of the
real rows (``stacked=False`` says so for classes numbered beyond 99). The divergence from the target shares and
what a perfect sampler scores stand in the details (``(K - 1) / (2 m)`` nats, not 0).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gandiag.core.comparison import Comparison
from gandiag.core.results import Measurement, Relabelling
from gandiag.core.specs import MetricSpec
from gandiag.errors import ConfigError
from gandiag.numerics.contingency import chi_square_homogeneity, reverse_kl
from gandiag.numerics.mode_protocols import expected_missing, fewest_rows, kl_floor

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]
Index = NDArray[np.int64]
Labels = NDArray[np.bool_]

# Digits per channel: labels of stacked sets are their digits in this base.
BASE = 10
_DRAWS = 999


@dataclass(frozen=True, kw_only=True, eq=False)
class Reader:
    """Reads the class of every image from its channels.

    Attributes
    ----------
    channels : int
    references : ndarray, shape (r, values per channel)
    symbols : ndarray of int, shape (r,)
        The digit of each reference, or its class where there is one channel.
    classes : int
        Number of modes K.
    """

    channels: int
    references: Matrix
    symbols: Index
    classes: int

    def read(self, rows: Matrix) -> Index:
        """Read the mode of every row, shape (N,)."""
        from sklearn.neighbors import KNeighborsClassifier

        nearest = KNeighborsClassifier(1, algorithm="brute").fit(self.references, self.symbols)
        parts = [nearest.predict(rows[:, c :: self.channels]) for c in range(self.channels)]
        return _joined(np.stack(parts, axis=1))


def _joined(digits: Index) -> Index:
    powers = BASE ** np.arange(digits.shape[1] - 1, -1, -1)
    return np.asarray(digits @ powers, dtype=np.int64)


def fit_reader(
    rows: Matrix, labels: Index, shape: tuple[int, ...], stacked: bool | None = None
) -> tuple[Reader, Index]:
    """Set up the reader from labelled rows, and give the class names: the labels that modes stand for.

    Parameters
    ----------
    rows : ndarray, shape (l, h * w * c)
        Flattened with the channels last.
    labels : ndarray of int, shape (l,)
        Below ``10^c`` for stacked sets.
    shape : tuple of int
        ``(h, w)`` or ``(h, w, c)``.
    stacked : bool, optional
        Whether labels are the digits of the channels. Where left out, they are when the largest has as many digits as
        there are channels: ten classes of colour images are no stacks.
    """
    channels = shape[2] if len(shape) == 3 else 1
    fits = channels > 1 and 0 <= int(labels.min()) <= int(labels.max()) < BASE**channels
    if stacked and not fits:
        raise ConfigError(
            f"labels of stacked images must lie from 0 to {BASE**channels - 1}, one digit for each of several channels",
            received=f"{channels} channels, labels from {int(labels.min())} to {int(labels.max())}",
            remedy="Leave stacked= out.",
        )
    if not fits or stacked is False or (stacked is None and int(labels.max()) < BASE ** (channels - 1)):
        names, symbols = np.unique(labels, return_inverse=True)
        return Reader(channels=1, references=rows, symbols=symbols.astype(np.int64), classes=len(names)), names
    digits = labels[:, None] // BASE ** np.arange(channels - 1, -1, -1) % BASE
    parts = np.concatenate([rows[:, c::channels] for c in range(channels)])
    # The same digit may stand in many rows: each is one reference.
    references, first = np.unique(parts, axis=0, return_index=True)
    symbols = digits.T.reshape(-1)[first].astype(np.int64)
    classes = BASE**channels
    return Reader(channels=channels, references=references, symbols=symbols, classes=classes), np.arange(classes)


def measure(comparison: Comparison, /, *, rng: np.random.Generator, stacked: bool | None = None) -> Measurement:
    """Measure the corrected number of captured modes; tested by the homogeneity of both histograms.

    Parameters
    ----------
    comparison : Comparison
    rng : numpy.random.Generator
        Not used.
    stacked : bool, optional
        Whether a label's digits are the classes of the channels; see `fit_reader`.
    """
    shape, labels, truth = comparison.image_shape, comparison.fit_labels, comparison.real_labels
    reasons = {"e_value": "not a sequential test", "interval": "a count of modes grows with the number of draws"}
    if shape is None or labels is None or truth is None:
        why = "rows must be images whose real side carries classes"
        return Measurement(estimate=None, status="undefined", reasons=reasons | {"estimate": why, "p_value": why})
    reader, names = fit_reader(comparison.fit, labels, shape, stacked)
    pool, is_real = comparison.pooled()
    read = reader.read(pool)
    leak, error = _leak(read[: comparison.n], truth, names, reader.classes)
    statistic = _statistic(read, leak, comparison.m)
    real, fake = (np.bincount(read[side], minlength=reader.classes) for side in (is_real, ~is_real))
    shares = (real + 0.5) / (real + 0.5).sum() if reader.channels == 1 else _target(labels, reader)
    details: dict[str, Any] = {
        "n_modes": reader.classes,
        "channels": reader.channels,
        "misread_real": error,
        "largest_leak": float(leak.max()),
        "captured_raw": int((fake > 0).sum()),
        "captured_raw_real": int((real > 0).sum()),
        "missing_for_a_perfect_sampler": expected_missing(shares, comparison.m),
        "reverse_kl": reverse_kl(fake.astype(np.float64), shares),
        "reverse_kl_floor": kl_floor(reader.classes, comparison.m),
        "largest_possible_kl_of_even_modes": float(np.log(reader.classes)),
    }
    return Measurement(
        estimate=float(statistic(is_real[:, None])[0, 0]),
        null=Relabelling(observed=is_real, statistic=statistic, worse="less", draws=_DRAWS),
        reasons=reasons,
        details=details,
        arrays={"counts": np.stack([real, fake])},
    )


def _target(labels: Index, reader: Reader) -> Vector:
    """Multiply the shares of the channels' digits: channels are stacked independently."""
    powers = BASE ** np.arange(reader.channels - 1, -1, -1)
    shares = np.ones(1)
    for power in powers:
        counts = np.bincount(labels // power % BASE, minlength=BASE) + 0.5
        shares = np.outer(shares, counts / counts.sum()).reshape(-1)
    return shares


def _leak(read: Index, truth: Index, names: Index, k: int) -> tuple[Vector, float]:
    """Estimate the chance that an image of another mode is read as each mode, evenly: K rates want more rows than K."""
    wrong = names[read] != truth
    error = float(wrong.mean())
    # A bound rather than a mean: an error rate of 0 of n rows may be 3/n.
    rate = (float(wrong.sum()) + 3.0) / len(read) if wrong.any() else 0.0
    return np.full(k, min(rate / max(k - 1, 1), 1.0)), error


def _statistic(read: Index, leak: Vector, m: int) -> Callable[[Labels], Matrix]:
    order = np.argsort(read, kind="stable")
    _, starts, totals = np.unique(read[order], return_index=True, return_counts=True)
    needed = float(fewest_rows(leak, m)[0])

    def statistic(labels: Labels) -> Matrix:
        real = np.add.reduceat(labels[order], starts, axis=0, dtype=np.float64)
        fake = totals[:, None] - real
        apart = chi_square_homogeneity(real, totals.astype(np.float64))
        return np.stack([(fake >= needed).sum(axis=0).astype(np.float64), apart])

    return statistic


METRIC = MetricSpec(
    name="stacked_modes",
    title="Stacked modes captured",
    summary="How many of the classes of (stacked) images are produced, beyond what a misreading classifier explains?",
    measure=measure,
    kind="index",
    direction="higher",
    unit="modes",
    low=0.0,
    high=None,
    family="modes",
    topic="modes",
    symmetric=False,
    scale_invariant=True,
    zero_on_equal=False,
    min_real=2,
    min_fake=2,
    most_rows=26_000,
    needs=frozenset({"images", "classes"}),
    default=False,
    sees="classes that are not produced, up to a thousand of them; in its test also wrong shares",
    blind_to="what images of a class look like; images of no class are read as the nearest one",
    cost="O((n + m) c r d) for r references, and O((n + m) B)",
    source="Metz et al. 2017, section 3.3.1; Srivastava et al. 2017, section 4.2; corrected for misreadings",
)
