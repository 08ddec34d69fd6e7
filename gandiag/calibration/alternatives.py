"""Seven ways of being wrong, each with a dial: what a test is tried against.

At severity 0 both sides share one law; every further step of the dial is further away. Power is the share of
p <= alpha, and may not fall along a dial by more than its standard error explains.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from gandiag.calibration.laws import Law, Matrix, normal
from gandiag.core.checks import unknown_name


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One way of being wrong.

    Parameters
    ----------
    name, title, dial : str
        How the command line and the page call it, and what its dial says.
    real : callable
        The law of the real side.
    fake : callable
        ``severity -> law`` of the fake side.
    severities : tuple of float
        Three steps of the dial, rising.
    """

    name: str
    title: str
    dial: str
    real: Law
    fake: Callable[[float], Law]
    severities: tuple[float, float, float]


def _with_rare_cluster(share: float) -> Law:
    def draw(rng: np.random.Generator, rows: int) -> Matrix:
        rare = rng.random(rows) < share
        out: Matrix = rng.normal(size=(rows, 2))
        out[:, 0] = np.where(rare, 6.0 + 0.3 * out[:, 0], out[:, 0])
        return out

    return draw


def _duplicating(fraction: float) -> Law:
    def draw(rng: np.random.Generator, rows: int) -> Matrix:
        out: Matrix = rng.normal(size=(rows, 2))
        copies = min(round(fraction * rows), rows - 1)
        out[rows - copies :] = out[rng.integers(rows - copies, size=copies)]
        return out

    return draw


def _heavy_tailed(one_over_df: float) -> Law:
    """Student's t, brought to the normal law's quartiles so that only the tails differ."""
    from scipy.special import stdtrit

    if one_over_df == 0.0:
        return normal(2)
    df = 1.0 / one_over_df
    unit = 0.6744897501960817 / float(stdtrit(df, 0.75))
    return lambda rng, rows: unit * rng.standard_t(df, size=(rows, 2))


def _correlated(quarter_turns: float) -> Law:
    angle = 0.5 * np.pi * quarter_turns
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    root: NDArray[np.float64] = np.linalg.cholesky(np.array([[1.0, 0.8], [0.8, 1.0]])).T @ turn
    return lambda rng, rows: rng.normal(size=(rows, 2)) @ root


def _one_column_apart(offset: float) -> Law:
    def draw(rng: np.random.Generator, rows: int) -> Matrix:
        return np.column_stack([rng.normal(size=(rows, 2)), offset + rng.random(rows)])

    return draw


_ALL = (
    Fault(
        name="mean_shift",
        title="mean shift",
        dial="standard deviations in each column",
        real=normal(2),
        fake=lambda s: lambda rng, rows: s + rng.normal(size=(rows, 2)),
        severities=(0.25, 0.5, 1.0),
    ),
    Fault(
        name="scale",
        title="scale",
        dial="share by which the spread is too large",
        real=normal(2),
        fake=lambda s: lambda rng, rows: (1.0 + s) * rng.normal(size=(rows, 2)),
        severities=(0.25, 0.5, 1.0),
    ),
    Fault(
        name="rare_cluster",
        title="rare cluster dropped",
        dial="share of the cluster that is missing, of 0.2",
        real=_with_rare_cluster(0.2),
        fake=lambda s: _with_rare_cluster(0.2 - s),
        severities=(0.05, 0.1, 0.2),
    ),
    Fault(
        name="duplicated",
        title="duplicated fraction",
        dial="share of rows that repeat another",
        real=normal(2),
        fake=_duplicating,
        severities=(0.2, 0.5, 0.8),
    ),
    Fault(
        name="heavy_tail",
        title="heavy tail",
        dial="1 over the degrees of freedom, at equal quartiles",
        real=normal(2),
        fake=_heavy_tailed,
        severities=(0.4, 0.7, 1.0),
    ),
    Fault(
        name="rotated",
        title="rotated correlation",
        dial="quarter turns of a correlation of 0.8",
        real=_correlated(0.0),
        fake=_correlated,
        severities=(0.25, 0.5, 1.0),
    ),
    Fault(
        name="disjoint",
        title="one disjoint dimension",
        dial="offset of one uniform column; from 1 on the supports are disjoint",
        real=_one_column_apart(0.0),
        fake=_one_column_apart,
        severities=(0.25, 0.5, 1.0),
    ),
)

FAULTS = {fault.name: fault for fault in _ALL}


def fault_named(name: str) -> Fault:
    """Return one way of being wrong by its name."""
    if name not in FAULTS:
        raise unknown_name(name, tuple(FAULTS), what="fault", listing=f"There are {', '.join(FAULTS)}.")
    return FAULTS[name]


def falls(power: tuple[float, ...], repetitions: int) -> float:
    """Tell by how many standard errors power falls at worst from one step of a dial to the next; 0 where it rises.

    The standard error of a difference, from the two rates themselves, with half a count so that it is never 0.
    """
    worst = 0.0
    for before, after in pairwise(power):
        rates = [(rate * repetitions + 0.5) / (repetitions + 1.0) for rate in (before, after)]
        error = float(np.sqrt(sum(rate * (1.0 - rate) for rate in rates) / repetitions))
        worst = max(worst, (before - after) / error)
    return worst
