"""Against prdc: the four neighbourhood scores as whole counts, and the rule for ties."""

from __future__ import annotations

import contextlib
import io

import numpy as np
import pytest
from agreement import agrees, exactly
from numpy.typing import NDArray

from gandiag.numerics.balls import neighbourhoods

Matrix = NDArray[np.float64]
NAMES = ("precision", "recall", "density", "coverage")


def theirs(real: Matrix, fake: Matrix, k: int) -> list[float]:
    prdc = pytest.importorskip("prdc")
    with contextlib.redirect_stdout(io.StringIO()):
        found = prdc.compute_prdc(real, fake, k)
    return [float(found[name]) for name in NAMES]


def ours(real: Matrix, fake: Matrix, k: int, ties: str) -> list[float]:
    found = neighbourhoods(real, fake, k, ties)  # type: ignore[arg-type]
    return [float(getattr(found, name)) for name in NAMES]


@pytest.mark.differential("D08")
@pytest.mark.parametrize(("n", "m", "d", "k"), [(300, 300, 4, 3), (250, 120, 10, 5), (90, 200, 2, 10)])
def test_continuous_rows_of_unequal_sizes(n: int, m: int, d: int, k: int) -> None:
    rng = np.random.default_rng(k)
    real, fake = rng.normal(size=(n, d)), 0.8 * rng.normal(size=(m, d)) + 0.4
    expected = theirs(real, fake, k)
    for ties in ("closed", "prdc"):
        agrees(ours(real, fake, k, ties), expected, rel=1e-12)
    swapped = ours(fake, real, k, "closed")
    assert swapped[:2] == pytest.approx(expected[1::-1])
    assert swapped[2:] != pytest.approx(expected[2:], rel=1e-2)  # density and coverage have no such rule


@pytest.mark.differential("D09")
def test_rows_on_a_lattice_under_the_strict_rule_alone() -> None:
    rng = np.random.default_rng(9)
    real, fake = rng.integers(0, 12, size=(300, 2)).astype(float), rng.integers(0, 14, size=(280, 2)).astype(float)
    expected = theirs(real, fake, 5)
    exactly(ours(real, fake, 5, "prdc"), expected)
    assert all(a > b for a, b in zip(ours(real, fake, 5, "closed"), expected, strict=True))
