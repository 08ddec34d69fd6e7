"""Joint discrepancy: a double loop, its level, and what it sees that marginals and conditionals do not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gandiag.core.comparison import Comparison
from gandiag.inference.nulls import summarise_null
from gandiag.metrics.joint_mmd import measure

Matrix = NDArray[np.float64]


def draw(rng: np.random.Generator, n: int, shares: tuple[float, ...] = (0.5, 0.3, 0.2)) -> tuple[Matrix, Any]:
    labels = rng.choice(3, size=n, p=shares)
    return rng.normal(size=(n, 2)) + 2.0 * labels[:, None], labels


def pair(fake: tuple[Matrix, Any], rng: np.random.Generator, n: int = 120) -> Comparison:
    real, labels = draw(rng, n)
    return Comparison(real=real, fake=fake[0], fit=real, real_labels=labels, fake_labels=fake[1])


def p_of(comparison: Comparison, seed: int = 0) -> float:
    null = summarise_null(measure(comparison, rng=np.random.default_rng(0)), draws=99, rng=np.random.default_rng(seed))
    assert null.p_value is not None
    return null.p_value.value


def loop(comparison: Comparison, length: float, *, joint: bool = True) -> float:
    def mean(a: Matrix, la: Any, b: Matrix, lb: Any, same: bool) -> float:
        values = []
        for i, (x, k) in enumerate(zip(a, la, strict=True)):
            for j, (y, c) in enumerate(zip(b, lb, strict=True)):
                if not (same and i == j):
                    values.append(float(np.exp(-np.sum((x - y) ** 2) / (2 * length**2))) * (k == c or not joint))
        return float(np.mean(values))

    x, lx, y, ly = comparison.real, comparison.real_labels, comparison.fake, comparison.fake_labels
    return mean(x, lx, x, lx, True) + mean(y, ly, y, ly, True) - 2 * mean(x, lx, y, ly, False)


def test_it_agrees_with_a_double_loop_and_the_marginal_kernel_does_not() -> None:
    rng = np.random.default_rng(0)
    small = pair(draw(rng, 13), rng, n=11)
    found = measure(small, rng=rng)
    length = found.details["bandwidth"]
    assert found.estimate == pytest.approx(loop(small, length), rel=1e-9)
    assert found.estimate != pytest.approx(loop(small, length, joint=False), rel=1e-2)


def test_swapped_classes_are_seen() -> None:
    rng = np.random.default_rng(1)
    rows, labels = draw(rng, 120, (1 / 3, 1 / 3, 1 / 3))
    assert p_of(pair((rows, 2 - labels), rng)) == 0.01


def test_wrong_shares_are_seen() -> None:
    rng = np.random.default_rng(2)
    assert p_of(pair(draw(rng, 120, (0.2, 0.3, 0.5)), rng)) <= 0.02


def test_it_keeps_its_level() -> None:
    p = []
    for seed in range(150):
        rng = np.random.default_rng(seed)
        p.append(p_of(pair(draw(rng, 50), rng, n=60), seed))
    assert sum(np.array(p) <= 0.05) <= 20  # binomial limit at 1e-4
