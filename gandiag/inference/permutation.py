"""The one permutation engine: label matrices in blocks, ties counted, never a p-value of 0.

``p = (1 + #{b : T_b >= T}) / (B + 1)`` is exact for every exchangeable null, every statistic and every sample size
(Phipson & Smyth 2010, "Permutation p-values should never be zero", section 2). Ties are counted within a tolerance,
since rounding splits equal statistics. When all relabellings are fewer than the asked-for draws they are enumerated,
and the p-value is their exact share.

Drawing stops as soon as `ENOUGH` draws are at least as extreme as the data: the p-value is then ``h / b`` with
h = ENOUGH and b the draw at which that many were reached, which keeps the level exactly (Besag & Clifford 1991,
"Sequential Monte Carlo p-values", section 2). A sampler that is fine is answered early; the draws go where a p-value
is small.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, islice

import numpy as np
from numpy.typing import NDArray

from gandiag.core.results import Alternative, Relabelling
from gandiag.errors import ConfigError, DataError, NumericalError

TIE_TOLERANCE = 1e-12
ENOUGH = 100
# The floor's mean and spread want this many draws, however early the p-value is known.
FEWEST_DRAWS = 499

_BLOCK_BYTES = 32 * 2**20


@dataclass(frozen=True, kw_only=True, eq=False)
class PermutationNull:
    """The observed statistic among its relabellings.

    Attributes
    ----------
    estimate : float
        The reported estimate under the observed labels.
    estimates : ndarray, shape (B,)
        The reported estimate under each relabelling.
    tested, tested_null : float, ndarray of shape (B,)
        The same for the tested statistic.
    p_value : float
        In (0, 1].
    exact : bool
        Whether every relabelling was enumerated.
    """

    estimate: float
    estimates: NDArray[np.float64]
    tested: float
    tested_null: NDArray[np.float64]
    p_value: float
    exact: bool


def permutation_null(
    problem: Relabelling, *, draws: int, rng: np.random.Generator, enough: int = ENOUGH
) -> PermutationNull:
    """Find the null law of a statistic by relabelling the pooled sample.

    Parameters
    ----------
    problem : Relabelling
    draws : int
        Most random relabellings B; fewer are used when all of them are fewer, or when ``enough`` are as extreme.
    rng : numpy.random.Generator
    enough : int
        Draws as extreme as the data at which drawing stops, at least 1.

    Raises
    ------
    ConfigError
        When ``draws`` is below 1.
    DataError
        When the labels of a group differ, or no relabelling but the observed one exists.
    NumericalError
        When the statistic is not finite under some labels.
    """
    if draws < 1:
        raise ConfigError("`draws` must be at least 1", received=draws, remedy="Use 999 or more for a test at 0.01.")
    observed = _checked(problem, problem.observed[:, None])
    total = _count(problem)
    exact = total is not None and total - 1 <= draws
    tested = float(observed[-1, 0])
    parts: list[NDArray[np.float64]] = []
    for block in _all_labels(problem) if exact else _random_labels(problem, draws, rng):
        parts.append(_checked(problem, block))
        if not exact and _decided(tested, np.concatenate([part[-1] for part in parts]), problem.alternative, enough):
            break
    values = np.concatenate(parts, axis=1)
    tested_null = values[-1]
    return PermutationNull(
        estimate=float(observed[0, 0]),
        estimates=values[0],
        tested=tested,
        tested_null=tested_null,
        p_value=(
            p_value(tested, tested_null, problem.alternative, includes_observed=True)
            if exact
            else sequential_p_value(tested, tested_null, problem.alternative, enough=enough)
        ),
        exact=exact,
    )


def p_value(
    observed: float,
    null: NDArray[np.float64],
    alternative: Alternative = "greater",
    *,
    includes_observed: bool = False,
) -> float:
    """Rank an observed statistic among its null draws.

    Parameters
    ----------
    observed : float
    null : ndarray, shape (B,)
    alternative : {"greater", "less", "two-sided"}
        Two-sided doubles the smaller tail, at most 1.
    includes_observed : bool
        Whether ``null`` already contains the observed labelling (full enumeration).

    Returns
    -------
    float
        In (0, 1]; at least 1 / (B + 1).
    """
    slack = TIE_TOLERANCE * (1.0 + abs(observed))
    extra = 0 if includes_observed else 1
    of = len(null) + extra
    upper = (extra + int(np.count_nonzero(null >= observed - slack))) / of
    lower = (extra + int(np.count_nonzero(null <= observed + slack))) / of
    tails = {"greater": upper, "less": lower, "two-sided": min(1.0, 2.0 * min(upper, lower))}
    return tails[alternative]


def sequential_p_value(
    observed: float, null: NDArray[np.float64], alternative: Alternative = "greater", *, enough: int = ENOUGH
) -> float:
    """Rank an observed statistic among draws that may have been stopped once ``enough`` were as extreme.

    Parameters
    ----------
    observed : float
    null : ndarray, shape (b,)
        In the order of drawing. Draws after the stopping one do not count.
    alternative : {"greater", "less", "two-sided"}
    enough : int
        Draws as extreme as the observed statistic at which a tail is known well enough.

    Returns
    -------
    float
        In (0, 1]: ``enough / b`` where the tail filled up at draw b, else ``(1 + k) / (b + 1)``.
    """
    slack = TIE_TOLERANCE * (1.0 + abs(observed))
    upper = _tail(null >= observed - slack, enough)
    lower = _tail(null <= observed + slack, enough)
    tails = {"greater": upper, "less": lower, "two-sided": min(1.0, 2.0 * min(upper, lower))}
    return tails[alternative]


def _tail(extreme: NDArray[np.bool_], enough: int) -> float:
    hits = np.cumsum(extreme)
    if len(hits) and hits[-1] >= enough:
        return enough / (int(np.searchsorted(hits, enough)) + 1)
    return (1 + int(hits[-1] if len(hits) else 0)) / (len(hits) + 1)


def _decided(observed: float, null: NDArray[np.float64], alternative: Alternative, enough: int) -> bool:
    """Tell whether every tail that the p-value looks at is full, and the floor has draws enough."""
    if len(null) < FEWEST_DRAWS:
        return False
    slack = TIE_TOLERANCE * (1.0 + abs(observed))
    upper = int(np.count_nonzero(null >= observed - slack)) >= enough
    lower = int(np.count_nonzero(null <= observed + slack)) >= enough
    return {"greater": upper, "less": lower, "two-sided": upper and lower}[alternative]


def _checked(problem: Relabelling, labels: NDArray[np.bool_]) -> NDArray[np.float64]:
    values = np.atleast_2d(np.asarray(problem.statistic(labels), dtype=np.float64))
    if not np.isfinite(values).all():
        raise NumericalError(
            "a test statistic must be finite under every relabelling",
            received=f"{int((~np.isfinite(values)).sum())} of {values.size} values",
            remedy="Look for constant columns or values of very different size.",
        )
    return values


def _count(problem: Relabelling) -> int | None:
    """Count all relabellings, where that is simple: no groups and no strata."""
    if problem.groups is not None or problem.strata is not None:
        return None
    n, total = int(problem.observed.sum()), len(problem.observed)
    if n == 0 or n == total:
        raise DataError(
            "a permutation test needs rows of both sides", received=f"{n} real of {total}", remedy="Draw both sides."
        )
    return math.comb(total, n)


def _all_labels(problem: Relabelling) -> Iterator[NDArray[np.bool_]]:
    n, total = int(problem.observed.sum()), len(problem.observed)
    chosen = combinations(range(total), n)
    while block := list(islice(chosen, _width(total))):
        labels = np.zeros((len(block), total), dtype=bool)
        np.put_along_axis(labels, np.array(block, dtype=np.int64), True, axis=1)
        yield np.ascontiguousarray(labels.T)


def _width(rows: int) -> int:
    """Count the columns of labels that one block may hold, weights in float64 included."""
    return max(1, _BLOCK_BYTES // (8 * rows))


def _random_labels(problem: Relabelling, draws: int, rng: np.random.Generator) -> Iterator[NDArray[np.bool_]]:
    units, first, cells = _exchangeable_units(problem)
    width = _width(len(problem.observed))
    width = min(width, FEWEST_DRAWS)  # small enough blocks that an early answer saves the rest
    for start in range(0, draws, width):
        block = np.repeat(first[None, :], min(width, draws - start), axis=0)  # (b, units)
        for cell in cells:
            block[:, cell] = rng.permuted(block[:, cell], axis=1)
        yield np.ascontiguousarray(block.T if problem.groups is None else block.T[units])


def _exchangeable_units(
    problem: Relabelling,
) -> tuple[NDArray[np.int64], NDArray[np.bool_], list[NDArray[np.int64]]]:
    """Find which unit each row belongs to, the units' observed labels, and the cells in which units may swap."""
    total = len(problem.observed)
    if problem.groups is None:
        units, sizes = np.arange(total), np.ones(total, dtype=np.int64)
    else:
        _, units, sizes = np.unique(problem.groups, return_inverse=True, return_counts=True)
    first = np.zeros(len(sizes), dtype=bool)
    first[units] = problem.observed
    if (first[units] != problem.observed).any():
        raise DataError("rows of one group must lie on one side", remedy="Give real and fake rows groups of their own.")
    strata = np.zeros(total, dtype=np.int64)
    if problem.strata is not None:
        strata = np.unique(problem.strata, return_inverse=True)[1]
    stratum = np.zeros(len(sizes), dtype=np.int64)
    stratum[units] = strata
    if (strata != stratum[units]).any():
        raise DataError("rows of one group must lie in one stratum", remedy="Split the group.")
    # Groups of one size swap among themselves, which keeps the number of real rows in every column.
    _, cell_of = np.unique(np.stack([stratum, sizes]), axis=1, return_inverse=True)
    cell_of = cell_of.reshape(-1)  # NumPy 2.0 alone keeps the axis
    cells = [np.flatnonzero(cell_of == c) for c in range(int(cell_of.max()) + 1)]
    if all(first[cell].all() or not first[cell].any() for cell in cells):
        raise DataError(
            "at least one stratum must hold groups of both sides of one size",
            received=f"{len(cells)} cells, each of one side only",
            remedy="Use groups of equal size, or coarser strata.",
        )
    return units, first, cells
