"""Conditional energy: exact values by class, its level within strata, and faults that no marginal test sees."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gandiag.core.comparison import Comparison
from gandiag.inference.nulls import summarise_null
from gandiag.metrics.conditional_energy import measure, strata_of
from gandiag.metrics.energy import energy_distance
from gandiag.metrics.energy import measure as marginal

Matrix = NDArray[np.float64]


def draw(rng: np.random.Generator, n: int, shares: tuple[float, ...] = (0.5, 0.3, 0.2)) -> tuple[Matrix, Any]:
    labels = rng.choice(3, size=n, p=shares)
    return rng.normal(size=(n, 2)) + 3.0 * labels[:, None], labels


def pair(fake: tuple[Matrix, Any], rng: np.random.Generator, n: int = 150) -> Comparison:
    real, labels = draw(rng, n)
    return Comparison(real=real, fake=fake[0], fit=real, real_labels=labels, fake_labels=fake[1])


def p_of(comparison: Comparison, seed: int = 0, of: Any = measure) -> float:
    null = summarise_null(of(comparison, rng=np.random.default_rng(0)), draws=99, rng=np.random.default_rng(seed))
    assert null.p_value is not None
    return null.p_value.value


def test_it_is_the_weighted_mean_of_the_classes_energies() -> None:
    rng = np.random.default_rng(0)
    found = pair(draw(rng, 90), rng)
    assert found.real_labels is not None
    assert found.fake_labels is not None
    parts, weights = [], []
    for label in range(3):
        real, fake = found.real[found.real_labels == label], found.fake[found.fake_labels == label]
        parts.append(energy_distance(real, fake))
        weights.append(len(real) * len(fake) / (len(real) + len(fake)))
    value = measure(found, rng=rng).estimate
    assert value == pytest.approx(np.average(parts, weights=weights), rel=1e-10)
    assert value != pytest.approx(np.average(parts), rel=1e-3)  # the wrong variant: every class counts alike


def test_the_floor_of_a_class_is_the_mean_over_all_relabellings() -> None:
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(7, 2))
    stratum = strata_of(rows, np.zeros(7, dtype=int), np.arange(7) < 3)[0]
    from itertools import combinations

    columns = np.zeros((7, 35), dtype=bool)
    for column, chosen in zip(columns.T, combinations(range(7), 3), strict=True):
        column[list(chosen)] = True
    assert stratum.energies(columns).mean() == pytest.approx(stratum.floor, rel=1e-10)


def test_an_ignored_condition_is_seen_here_and_not_in_the_marginal() -> None:
    rng = np.random.default_rng(2)
    rows, labels = draw(rng, 150)
    ignoring = (rows, rng.permutation(labels))
    assert p_of(pair(ignoring, rng)) == 0.01
    assert p_of(pair(ignoring, np.random.default_rng(3)), of=marginal) > 0.05


def test_other_shares_of_classes_are_no_fault_but_the_marginal_test_calls_them_one() -> None:
    p, wrong = [], []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        found = pair(draw(rng, 60, (0.2, 0.3, 0.5)), rng, n=80)
        p.append(p_of(found, seed))
        wrong.append(p_of(found, seed, of=marginal))
    assert sum(np.array(p) <= 0.05) <= 11  # binomial limit at 1e-4
    assert sum(np.array(wrong) <= 0.05) > 11


def test_classes_on_one_side_only_are_said_to_be_left_out() -> None:
    rng = np.random.default_rng(4)
    found = pair(draw(rng, 90), rng)
    assert found.fake_labels is not None
    odd = np.where(found.fake_labels == 2, 7, found.fake_labels)
    measured = measure(
        Comparison(real=found.real, fake=found.fake, fit=found.fit, real_labels=found.real_labels, fake_labels=odd),
        rng=rng,
    )
    assert measured.status == "degraded"
    assert "[2, 7]" in measured.warnings[0]


def test_it_sees_one_shifted_class_of_three() -> None:
    rng = np.random.default_rng(5)
    rows, labels = draw(rng, 300)
    rows[labels == 2] += 0.8
    found = measure(pair((rows, labels), rng, n=300), rng=rng)
    excess = [row["excess"] / row["floor"] for row in found.details["classes"]]
    assert int(np.argmax(excess)) == 2
    assert p_of(pair((rows, labels), rng, n=300)) == 0.01
