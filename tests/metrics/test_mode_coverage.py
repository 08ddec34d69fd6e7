from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gandiag.core.comparison import Comparison
from gandiag.core.results import Measurement, Relabelling
from gandiag.core.samples import KnownModes
from gandiag.inference.nulls import NullSummary, summarise_null
from gandiag.metrics.mode_coverage import METRIC, measure
from gandiag.numerics.binomial import clopper_pearson

Matrix = NDArray[np.float64]
Draw = Callable[[np.random.Generator, int], Matrix]

ANGLES = 2 * np.pi * np.arange(8) / 8
CENTRES = np.column_stack([np.cos(ANGLES), np.sin(ANGLES)])
SIGMA = 0.05
KNOWN = KnownModes(centres=CENTRES, covariances=np.tile(SIGMA**2 * np.eye(2), (8, 1, 1)), weights=np.full(8, 1 / 8))


def ring(rng: np.random.Generator, n: int, *, shares: Any = None, sigma: float = SIGMA) -> Matrix:
    modes = rng.choice(8, size=n, p=shares)
    return CENTRES[modes] + sigma * rng.normal(size=(n, 2))


def without(*modes: int) -> Matrix:
    shares = np.ones(8)
    shares[list(modes)] = 0.0
    return shares / shares.sum()


def run(comparison: Comparison, *, draws: int = 199) -> tuple[Measurement, NullSummary]:
    found = measure(comparison, rng=np.random.default_rng(0))
    return found, summarise_null(found, draws=draws, rng=np.random.default_rng(1))


def compare(fake: Matrix, *, n: int = 800, known: bool = False, draws: int = 199) -> tuple[Measurement, float]:
    rng = np.random.default_rng(2)
    found, null = run(
        Comparison(real=ring(rng, n), fake=fake, fit=ring(rng, 400), modes=KNOWN if known else None), draws=draws
    )
    assert null.p_value is not None
    return found, null.p_value.value


def fakes() -> np.random.Generator:
    return np.random.default_rng(3)


@pytest.mark.parametrize("known", [True, False])
def test_missing_modes_are_counted_and_named(known: bool) -> None:
    found, p = compare(ring(fakes(), 700, shares=without(1, 4, 6)), known=known)
    assert found.estimate == 5 / 8
    assert p == 1 / 200
    details = found.details
    assert len(details["missing"]) == 3
    assert details["imbalanced"] == [], "the others are in proportion among themselves"
    assert details["captured"] == details["captured_raw"] == 5
    if known:
        assert details["missing"] == ["mode 1", "mode 4", "mode 6"]
        # Uniform over 5 of 8: log(8 / 5), and half a degree of freedom per mode over the rows.
        assert details["reverse_kl"] == pytest.approx(np.log(8 / 5), abs=0.02)


def test_examples_are_real_rows_of_the_missing_modes() -> None:
    rng = np.random.default_rng(4)
    real = ring(rng, 500)
    found, _ = run(Comparison(real=real, fake=ring(rng, 500, shares=without(2)), fit=ring(rng, 200), modes=KNOWN))
    examples = found.arrays["missing_examples"]
    assert (examples[:, 0] == 2).all()
    np.testing.assert_allclose(real[examples[:, 1]], np.tile(CENTRES[2], (len(examples), 1)), atol=5 * SIGMA)


@pytest.mark.parametrize("known", [True, False])
def test_reweighted_modes_are_imbalanced_not_missing(known: bool) -> None:
    shares = np.array([3, 1, 1, 1, 1, 1, 1, 1 / 3])
    found, p = compare(ring(fakes(), 800, shares=shares / shares.sum()), known=known)
    assert p == 1 / 200
    assert found.estimate == 1.0
    assert found.details["missing"] == []
    assert len(found.details["imbalanced"]) >= 2
    ratios = sorted(mode["ratio"] for mode in found.details["modes"])
    assert ratios[0] < 0.6
    assert ratios[-1] > 2.0


def test_a_sampler_that_emits_one_point_covers_one_mode() -> None:
    found, p = compare(np.tile(CENTRES[:1], (300, 1)), known=True)
    assert (found.estimate, p) == (1 / 8, 1 / 200)
    assert found.details["missing"] == [f"mode {k}" for k in range(1, 8)]
    assert found.details["high_quality_fake"] == 1.0


def noisy(share: float) -> Matrix:
    rng = fakes()
    rows = ring(rng, 800)
    noise = rng.random(800) < share
    rows[noise] = rng.uniform(-1.2, 1.2, size=(int(noise.sum()), 2))
    return rows


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("share", [0.05, 0.6])
def test_noise_costs_quality_and_is_no_missing_mode(known: bool, share: float) -> None:
    found, p = compare(noisy(share), known=known)
    assert p > 0.01
    assert found.details["missing"] == found.details["imbalanced"] == []
    lost = found.details["high_quality_real"] - found.details["high_quality_fake"]
    # Some noise falls into the modes: 8 disks of radius 3 sigma are a tenth of the square.
    assert lost == pytest.approx(0.9 * share, abs=0.05)
    assert found.details["hq_p"] < (0.01 if share < 0.1 else 1e-30)


def test_only_noise_leaves_nothing_to_count() -> None:
    rng = fakes()
    found = measure(Comparison(real=ring(rng, 400), fake=9.0 + rng.normal(size=(400, 2)), fit=ring(rng, 200)), rng=rng)
    assert found.status == "undefined"
    assert found.estimate is None
    assert found.reasons["estimate"] == "only 0 of 400 fake rows lie within a mode; at least 20 are needed"
    assert found.details["hq_p"] < 1e-100


def test_high_quality_is_the_level_for_a_perfect_sampler() -> None:
    found, _ = compare(ring(fakes(), 5000), n=5000, known=True)
    for side in ("high_quality_real", "high_quality_fake"):
        # Four standard errors of .989 among 5000 rows.
        assert found.details[side] == pytest.approx(0.989, abs=0.006)


def test_shrunken_modes_cover_everything() -> None:
    found, p = compare(ring(fakes(), 800, sigma=SIGMA / 2))
    assert found.estimate == 1.0
    assert p > 0.01


def check_counts(counts: NDArray[np.int64], labels: NDArray[np.int64]) -> None:
    np.testing.assert_array_equal(counts, np.bincount(labels, minlength=8))


def test_labels_of_the_rows_under_test_are_not_used_in_the_test() -> None:
    """Fake rows have no labels; judging real rows by theirs would count a mixed-up class on one side only."""
    rng = np.random.default_rng(5)
    modes = rng.integers(8, size=900)
    rows = CENTRES[modes] + 0.15 * rng.normal(size=(900, 2))  # overlapping: labels and places differ
    given = {"real": rows[:400], "fit": rows[400:], "fit_labels": modes[400:], "fake": ring(rng, 400, sigma=0.15)}
    with_labels, p = run(Comparison(**given, real_labels=modes[:400]))
    without_labels, q = run(Comparison(**given))
    np.testing.assert_array_equal(with_labels.arrays["counts"], without_labels.arrays["counts"])
    assert p.p_value is not None
    assert q.p_value is not None
    assert p.p_value.value == q.p_value.value
    assert 0.0 < with_labels.details["label_error"] < 0.1
    assert without_labels.details["label_error"] is None
    with pytest.raises(AssertionError, match=r"assert|equal"):
        check_counts(with_labels.arrays["counts"][0], modes[:400])


def test_a_missing_class_of_digits_is_named() -> None:
    from sklearn.datasets import load_digits

    values, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(6).permutation(len(values))
    values, labels = values[order] / 16.0, labels[order]
    fake = values[1350:][~np.isin(labels[1350:], [3, 7])]
    found, null = run(
        Comparison(
            real=values[900:1350],
            fake=fake,
            fit=values[:900],
            fit_labels=labels[:900],
            real_labels=labels[900:1350],
        )
    )
    assert found.details["source"] == "labels"
    assert found.details["missing"] == ["class 3", "class 7"]
    assert found.details["label_error"] < 0.05
    assert found.details["captured"] == 8
    assert null.p_value is not None
    assert null.p_value.value == 1 / 200


def test_a_lump_is_cut_in_cells_and_a_lost_half_is_seen() -> None:
    rng = np.random.default_rng(7)
    fake = rng.normal(size=(800, 2))
    fake[:, 0] = np.abs(fake[:, 0])
    found, null = run(Comparison(real=rng.normal(size=(800, 2)), fake=fake, fit=rng.normal(size=(600, 2))))
    assert found.details["source"] == "cells"
    assert found.details["missing"]
    assert null.p_value is not None
    assert null.p_value.value == 1 / 200


def test_classes_that_cannot_be_told_apart_are_admitted() -> None:
    rng = np.random.default_rng(12)
    rows, labels = rng.normal(size=(600, 2)), rng.integers(5, size=600)
    found, _ = run(
        Comparison(
            real=rows[:200], fake=rows[200:400], fit=rows[400:], fit_labels=labels[400:], real_labels=labels[:200]
        )
    )
    assert found.status == "degraded"
    assert "put in a wrong class" in found.warnings[0]
    assert found.details["label_error"] > 0.5


def test_details_are_plain_json() -> None:
    found, _ = compare(ring(fakes(), 300, shares=without(0)))
    json.dumps(found.details, allow_nan=False)
    mode = found.details["modes"][0]
    assert set(mode) == {
        "name", "real", "fake", "expected", "leak", "own", "own_here",
        "p_missing", "p_excess", "missing", "imbalanced", "ratio",
    }  # fmt: skip
    assert found.arrays["counts"].sum() == sum(m["real"] + m["fake"] for m in found.details["modes"])
    low, high = np.moveaxis(found.arrays["share_bounds"], 2, 0)
    shares = found.arrays["counts"] / found.arrays["counts"].sum(axis=1, keepdims=True)
    assert np.all((low <= shares) & (shares <= high) & (high < 1.0))
    first, held = int(found.arrays["counts"][1, 0]), int(found.arrays["counts"][1].sum())
    assert clopper_pearson(first, held) == pytest.approx((low[1, 0], high[1, 0]))


def test_too_few_fake_rows_are_refused_by_the_spec() -> None:
    assert METRIC.min_fake == 20


def p_value_of(statistic_row: int, found: Measurement, rng: np.random.Generator) -> float:
    assert isinstance(found.null, Relabelling)
    null = summarise_null(found, draws=99, rng=rng)
    assert null.p_value is not None
    return null.p_value.value


def null_p_values(source: str, reps: int, *, n: int, seed: int) -> Matrix:
    rng = np.random.default_rng(seed)
    out = []
    for _ in range(reps):
        if source == "cells":
            real, fake, fit = (rng.normal(size=(n, 2)) for _ in range(3))
            comparison = Comparison(real=real, fake=fake, fit=fit)
        else:
            modes = rng.integers(8, size=3 * n)
            rows = CENTRES[modes] + 0.1 * rng.normal(size=(3 * n, 2))
            parts = {"real": rows[:n], "fake": rows[n : 2 * n], "fit": rows[2 * n :]}
            extra = {
                "labels": {"fit_labels": modes[2 * n :], "real_labels": modes[:n]},
                "known": {"modes": KNOWN},
                "clusters": {},
            }[source]
            comparison = Comparison(**parts, **extra)
        out.append(p_value_of(-1, measure(comparison, rng=rng), rng))
    return np.array(out)


def check_level(p: Matrix, *, exact: bool = True) -> None:
    for alpha in (0.01, 0.05, 0.1):
        margin = 3 * np.sqrt(alpha * (1 - alpha) / len(p))
        rate = np.mean(p <= alpha + 1e-12)
        assert rate <= alpha + margin
        # Few modes make a discrete statistic: its level may lie below.
        assert not exact or rate >= alpha - margin - 0.02


@pytest.mark.parametrize("source", ["labels", "known"])  # the others take long: they are among those below
def test_p_values_hold_their_level(source: str) -> None:
    check_level(null_p_values(source, 300, n=100, seed=8))


@pytest.mark.slow
@pytest.mark.parametrize("source", ["clusters", "labels", "known", "cells"])
def test_p_values_hold_their_level_in_many_repetitions(source: str) -> None:
    check_level(null_p_values(source, 2000, n=100, seed=9))


def test_modes_fitted_on_the_real_rows_would_break_the_level() -> None:
    """Teeth of the calibration: with the rows under test among the fit, real rows lie better than fake ones."""
    rng = np.random.default_rng(10)
    out = []
    for _ in range(60):
        real, fake = rng.normal(size=(100, 20)), rng.normal(size=(100, 20))
        out.append(measure(Comparison(real=real, fake=fake, fit=real), rng=rng).details["hq_p"])
    with pytest.raises(AssertionError, match=r"assert|equal"):
        check_level(np.array(out))


def test_power_grows_with_the_lost_share() -> None:
    rng = np.random.default_rng(11)
    rates = []
    for kept in (1.0, 0.5, 0.0):
        shares = np.ones(8)
        shares[0] = kept
        p = [
            p_value_of(
                -1,
                measure(
                    Comparison(
                        real=ring(rng, 200), fake=ring(rng, 200, shares=shares / shares.sum()), fit=ring(rng, 100)
                    ),
                    rng=rng,
                ),
                rng,
            )
            for _ in range(25)
        ]
        rates.append(np.mean(np.array(p) <= 0.05))
    assert rates[0] <= rates[1] <= rates[2]
    assert rates[2] >= 0.9
