"""Laws under which no test may reject: one for every way in which tests are known to lose their level.

The cells carry the numbers of the calibration plan, C01 to C10: the base law, heavy tails, ties, point masses, the
grids of generator papers, bad conditioning, unbalanced sizes, more columns than rows, and quantised values.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gandiag.core.checks import unknown_name

Matrix = NDArray[np.float64]
Law = Callable[[np.random.Generator, int], Matrix]

# The two laws of the table in docs/calibration.md: one without ties, one full of them.
TABLE = ("normal", "ties")


@dataclass(frozen=True, kw_only=True)
class NullLaw:
    """One law that both sides share.

    Parameters
    ----------
    name, title, cell : str
        How the command line and the page call it, and the number of its cell in the plan.
    draw : callable
        ``(rng, rows) -> (rows, d)`` matrix.
    sizes : tuple of (int, int)
        Real and fake rows at which it is run; the first pair is the default one.
    """

    name: str
    title: str
    cell: str
    draw: Law
    sizes: tuple[tuple[int, int], ...] = ((100, 100),)


def normal(d: int) -> Law:
    """Return the standard normal law in ``d`` dimensions."""
    return lambda rng, rows: rng.normal(size=(rows, d))


def four_modes(rng: np.random.Generator, rows: int) -> Matrix:
    """Draw from four narrow modes in the plane."""
    centres = np.array([[3.0, 0], [-3, 0], [0, 3], [0, -3]])
    out: Matrix = centres[rng.integers(4, size=rows)] + 0.3 * rng.normal(size=(rows, 2))
    return out


def grid25(rng: np.random.Generator, rows: int) -> Matrix:
    """Draw from 25 narrow modes on a grid of spacing 2."""
    centres = 2.0 * np.stack(np.divmod(rng.integers(25, size=rows), 5), axis=1) - 4.0
    out: Matrix = centres + 0.05 * rng.normal(size=(rows, 2))
    return out


def ring8(rng: np.random.Generator, rows: int) -> Matrix:
    """Draw from eight narrow modes on a circle of radius 2."""
    angles = rng.integers(8, size=rows) * (np.pi / 4.0)
    out: Matrix = 2.0 * np.stack([np.cos(angles), np.sin(angles)], axis=1) + 0.02 * rng.normal(size=(rows, 2))
    return out


def _mostly_zero(rng: np.random.Generator, rows: int) -> Matrix:
    out: Matrix = rng.normal(size=(rows, 2)) * (rng.random((rows, 1)) < 0.1)
    return out


def _ill_conditioned(rng: np.random.Generator, rows: int) -> Matrix:
    # One fixed rotation of columns whose variances span eight decades.
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(10, 10)))[0]
    out: Matrix = (rng.normal(size=(rows, 10)) * np.logspace(0, -4, 10)) @ turn
    return out


def _bytes(rng: np.random.Generator, rows: int) -> Matrix:
    return np.clip(np.rint(128.0 + 4.0 * rng.normal(size=(rows, 3))), 0.0, 255.0)


_HEAVY = ((60, 60), (8, 40))
_TIED = ((100, 100), (10, 7))
_CELLS = (
    NullLaw(name="normal", title="normal, 2-d", cell="C01", draw=normal(2)),
    NullLaw(name="normal_1d", title="normal, 1-d", cell="C01", draw=normal(1)),
    NullLaw(name="normal_10d", title="normal, 10-d", cell="C01", draw=normal(10)),
    NullLaw(name="normal_50d", title="normal, 50-d", cell="C01", draw=normal(50)),
    NullLaw(
        name="cauchy", title="Cauchy, 1-d", cell="C02", draw=lambda g, k: g.standard_t(1.0, size=(k, 1)), sizes=_HEAVY
    ),
    NullLaw(
        name="student",
        title="Student t(2.5), 10-d",
        cell="C02",
        draw=lambda g, k: g.standard_t(2.5, size=(k, 10)),
        sizes=_HEAVY,
    ),
    NullLaw(
        name="lognormal",
        title="lognormal (sigma 2), 10-d",
        cell="C02",
        draw=lambda g, k: g.lognormal(sigma=2.0, size=(k, 10)),
        sizes=_HEAVY,
    ),
    NullLaw(
        name="ties",
        title="Poisson(1), 2-d",
        cell="C03",
        draw=lambda g, k: g.poisson(1.0, size=(k, 2)).astype(float),
        sizes=_TIED,
    ),
    NullLaw(
        name="coins",
        title="three fair coins",
        cell="C03",
        draw=lambda g, k: g.integers(2, size=(k, 3)).astype(float),
        sizes=_TIED,
    ),
    NullLaw(
        name="categories",
        title="five categories",
        cell="C03",
        draw=lambda g, k: g.integers(5, size=(k, 1)).astype(float),
        sizes=_TIED,
    ),
    NullLaw(name="zeros", title="90 % zeros, 2-d", cell="C04", draw=_mostly_zero, sizes=((100, 60),)),
    NullLaw(name="constant", title="all equal", cell="C04", draw=lambda _, k: np.ones((k, 2)), sizes=((100, 60),)),
    NullLaw(name="grid25", title="25 modes on a grid", cell="C05", draw=grid25, sizes=((500, 500),)),
    NullLaw(name="ring8", title="8 modes on a ring", cell="C05", draw=ring8, sizes=((500, 500),)),
    NullLaw(name="four_modes", title="four modes, 2-d", cell="C05", draw=four_modes),
    NullLaw(name="ill_conditioned", title="condition number 1e8, 10-d", cell="C06", draw=_ill_conditioned),
    NullLaw(name="far_off", title="normal at 1e6, 10-d", cell="C06", draw=lambda g, k: 1e6 + g.normal(size=(k, 10))),
    NullLaw(
        name="unbalanced",
        title="normal, unequal sizes",
        cell="C08",
        draw=normal(2),
        sizes=((200, 20), (20, 200), (500, 50)),
    ),
    NullLaw(name="wide", title="normal, 200-d", cell="C09", draw=normal(200), sizes=((30, 30),)),
    NullLaw(
        name="half_precision",
        title="normal as float16, 3-d",
        cell="C10",
        draw=lambda g, k: g.normal(size=(k, 3)).astype(np.float16).astype(float),
        sizes=((200, 200),),
    ),
    NullLaw(name="bytes", title="normal as bytes, 3-d", cell="C10", draw=_bytes, sizes=((200, 200),)),
)

LAWS = {law.name: law for law in _CELLS}


def law_named(name: str) -> NullLaw:
    """Return one law by its name."""
    if name not in LAWS:
        raise unknown_name(name, tuple(LAWS), what="law", listing=f"There are {', '.join(LAWS)}.")
    return LAWS[name]
