"""Kernel inception distance: closed forms, an interval that covers, level, power, peers, and wrong variants."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import binom

from gandiag.core.comparison import Comparison
from gandiag.core.results import Measurement, Relabelling
from gandiag.inference.permutation import permutation_null
from gandiag.metrics import kid
from gandiag.metrics.kid import kernel_distance, measure, subset_distances

Matrix = NDArray[np.float64]


def cubic(a: Matrix, b: Matrix) -> Matrix:
    return np.asarray((a @ b.T / a.shape[1] + 1.0) ** 3)


def direct(x: Matrix, y: Matrix, *, diagonal: bool = False) -> float:
    """The distance by whole kernel matrices; with diagonals it is the biased one."""
    kxx, kyy, n, m = cubic(x, x), cubic(y, y), len(x), len(y)
    if diagonal:
        return float(kxx.mean() + kyy.mean() - 2.0 * cubic(x, y).mean())
    within = (kxx.sum() - np.trace(kxx)) / (n * (n - 1)) + (kyy.sum() - np.trace(kyy)) / (m * (m - 1))
    return float(within - 2.0 * cubic(x, y).mean())


def normal(rng: np.random.Generator, rows: int, d: int, shift: float = 0.0) -> Matrix:
    out = rng.normal(size=(rows, d))
    out[:, 0] += shift
    return out


def measured(real: Matrix, fake: Matrix, **options: int) -> Measurement:
    return measure(Comparison(real=real, fake=fake, fit=real), rng=np.random.default_rng(0), **options)


def p_value(real: Matrix, fake: Matrix, seed: int = 0, draws: int = 99) -> float:
    null = measured(real, fake).null
    assert isinstance(null, Relabelling)
    return permutation_null(null, draws=draws, rng=np.random.default_rng(seed)).p_value


@pytest.mark.row(65)
@pytest.mark.parametrize(("d", "s", "expected", "tolerance"), [(4, 1.0, 1.328125, 0.05), (16, 2.0, 0.456055, 0.012)])
def test_shifted_normals_reach_the_closed_form(d: int, s: float, expected: float, tolerance: float) -> None:
    # 3 s/d + 3 s^2/d^2 + (s^3 + 6 s^2 + 3 (d + 2) s)/d^3; the tolerances are 4 standard errors of 200 means at n = 500.
    found, biased = [], []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        x, y = normal(rng, 500, d), normal(rng, 500, d, np.sqrt(s))
        found.append(kernel_distance(x, y)[0])
        if seed < 20:
            biased.append(direct(x, y, diagonal=True))
    assert expected == pytest.approx(3 * s / d + 3 * s**2 / d**2 + (s**3 + 6 * s**2 + 3 * (d + 2) * s) / d**3, rel=1e-5)
    assert abs(np.mean(found) - expected) < tolerance
    if d == 4:  # the diagonal adds (E k(x, x) - E k(x, x'))(1/n + 1/m), here about 0.07
        assert abs(np.mean(biased) - expected) > tolerance


@pytest.mark.parametrize("offset", [0.0, 30.0])
def test_it_agrees_with_whole_kernel_matrices(offset: float) -> None:
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(70, 5)) + offset, rng.normal(size=(50, 5)) + offset
    value = kernel_distance(x, y)[0]
    assert value == pytest.approx(direct(x, y), rel=1e-9)
    assert kernel_distance(y, x)[0] == pytest.approx(value, rel=1e-9)
    assert direct(1.01 * x, y) != pytest.approx(value, rel=1e-9)


def test_the_standard_error_is_the_jackknife_by_leaving_rows_out() -> None:
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(9, 3)), rng.normal(size=(7, 3)) + 0.5
    without_real = np.array([direct(np.delete(x, i, axis=0), y) for i in range(9)])
    without_fake = np.array([direct(x, np.delete(y, j, axis=0)) for j in range(7)])
    variance = 8 / 9 * np.square(without_real - without_real.mean()).sum()
    variance += 6 / 7 * np.square(without_fake - without_fake.mean()).sum()
    assert kernel_distance(x, y)[1] == pytest.approx(np.sqrt(variance), rel=1e-10)
    assert kernel_distance(x[:2], y)[1] is None


# E k(X, X') + E k(Y, Y') - 2 E k(X, Y) for N(0, I) and N((.5, .5), I) in two dimensions, where for N(a, I) and N(b, I)
# E (x.y)^2 = (ab)^2 + |a|^2 + |b|^2 + d and E (x.y)^3 = (ab)^3 + 3 ab (|a|^2 + |b|^2 + d + 2).
SHIFTED_BY_HALF = 1.890625


def coverage(shift: float, expected: float, reps: int = 200) -> tuple[int, int]:
    """How often the interval holds the true value, and one of 1.96 standard deviations over subsets does."""
    held, by_subsets = 0, 0
    for seed in range(reps):
        rng = np.random.default_rng(seed)
        x, y = normal(rng, 200, 4), normal(rng, 200, 4, shift)
        interval = measured(x, y).interval
        assert interval is not None
        held += interval.low <= expected <= interval.high  # type: ignore[operator]
        some = subset_distances(x, y, subsets=8, size=160, rng=rng)
        by_subsets += abs(some.mean() - expected) <= 1.96 * some.std()
    return held, by_subsets


def test_the_interval_covers_and_the_spread_over_subsets_does_not() -> None:
    low = int(binom.ppf(1e-4, 200, 0.95))
    held, by_subsets = coverage(1.0, 1.328125)
    assert held >= low
    assert by_subsets < low
    assert coverage(0.0, 0.0, reps=60)[0] >= int(binom.ppf(1e-4, 60, 0.95))


def test_an_interval_of_few_rows_says_that_it_ends_too_low() -> None:
    rng, shift, missed = np.random.default_rng(0), 0.5, 0
    for _ in range(150):
        found = measured(normal(rng, 80, 2), normal(rng, 40, 2, shift))
        assert found.interval is not None
        assert "below its level with 40 rows" in found.interval.method
        missed += float(found.interval.high or 0.0) < SHIFTED_BY_HALF
    assert missed > binom.ppf(1 - 1e-4, 150, 0.025)  # the claim of a fault must itself be true
    many = measured(normal(rng, 400, 2), normal(rng, 400, 2, shift))
    assert many.interval is not None
    assert "below its level" not in many.interval.method


@pytest.mark.parametrize("offset", [0.0, 30.0])
def test_single_precision_products_keep_the_value(offset: float) -> None:
    # Features with a large common mean, as Inception's are.
    rng = np.random.default_rng(3)
    x, y = (np.abs(rng.normal(size=(700, 800))) + offset for _ in range(2))
    value, error = kernel_distance(x, y)
    assert error is not None
    assert abs(value - direct(x, y)) < 1e-5 * error
    if offset:
        # Products of single precision that were not centred first lose what the sides differ in.
        small = [side.astype(np.float32) for side in (x, y)]
        kxx, kyy, kxy = (
            (a @ b.T / np.float32(800) + np.float32(1)) ** 3
            for a, b in zip((small[0], small[1], small[0]), (small[0], small[1], small[1]), strict=True)
        )
        within = [(k.sum(dtype=float) - np.trace(k, dtype=float)) / (700 * 699) for k in (kxx, kyy)]
        assert abs(within[0] + within[1] - 2.0 * kxy.mean(dtype=float) - value) > 1e-3 * error


def test_half_precision_would_be_seen() -> None:
    import torch

    rng = np.random.default_rng(3)
    x, y = (np.abs(rng.normal(size=(200, 300))) + 0.3 for _ in range(2))
    value, error = kernel_distance(x, y)
    assert error is not None
    half = [torch.from_numpy(side).bfloat16().double().numpy() for side in (x, y)]
    assert abs(direct(*half) - value) > 1e-4 * error


def test_tensors_give_the_value_of_arrays() -> None:
    import torch

    rng = np.random.default_rng(4)
    x, y = rng.normal(size=(90, 6)), rng.normal(size=(80, 6)) + 0.3
    found = kernel_distance(torch.from_numpy(x), torch.from_numpy(y))
    assert found == pytest.approx(kernel_distance(x, y), rel=1e-10)


def test_a_kernel_matrix_that_is_not_held_gives_the_same_test(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(5)
    x, y = rng.normal(size=(110, 6)), rng.normal(size=(90, 6)) + 0.2
    held = measured(x, y)
    monkeypatch.setattr(kid, "_HELD_BYTES", 0)
    monkeypatch.setattr(kid, "_LONG_TILE", 32)
    streamed = measured(x, y)
    assert streamed.estimate == pytest.approx(held.estimate, rel=1e-12)
    nulls = []
    for found in (held, streamed):
        assert isinstance(found.null, Relabelling)
        nulls.append(permutation_null(found.null, draws=99, rng=np.random.default_rng(0)))
    assert nulls[0].p_value == nulls[1].p_value
    np.testing.assert_allclose(nulls[0].estimates, nulls[1].estimates, rtol=1e-8, atol=1e-13)
    assert isinstance(streamed.null, Relabelling)
    assert streamed.null.draws == 499


def level(reps: int) -> int:
    count = 0
    for seed in range(reps):
        rng = np.random.default_rng(seed)
        count += p_value(rng.standard_t(3, size=(20, 2)), rng.standard_t(3, size=(30, 2)), seed) <= 0.05
    return count


def test_the_test_holds_its_level() -> None:
    assert 3 <= level(300) <= 31  # binomial limits at 1e-4


@pytest.mark.slow
def test_the_test_holds_its_level_over_many_repetitions() -> None:
    assert 64 <= level(2000) <= 140


def test_it_sees_a_shift() -> None:
    rng = np.random.default_rng(6)
    found = [p_value(normal(rng, 100, 3), normal(rng, 100, 3, 0.8), i) <= 0.05 for i in range(10)]
    assert sum(found) >= 9


def test_subsets_are_reported_with_what_they_are() -> None:
    rng = np.random.default_rng(7)
    found = measured(rng.normal(size=(60, 3)), rng.normal(size=(50, 3)), subsets=3)
    assert found.details["subsets"]["size"] == 50
    assert found.details["subsets"]["count"] == 3
    assert "not a standard error" in found.details["subsets"]["note"]
    assert measured(np.eye(5), np.eye(5)).details["subsets"] is None


def test_features_out_of_range_are_undefined_and_say_so() -> None:
    found = measured(np.full((5, 2), 1e60), np.full((5, 2), 1.0))
    assert found.status == "undefined"
    assert "moderate size" in found.reasons["estimate"]


def test_torch_fidelity_agrees_on_the_whole_sample_and_not_with_a_planted_error(torchvision_schemas: None) -> None:
    peer = pytest.importorskip("torch_fidelity.metric_kid")
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(8)
    x, y = np.abs(rng.normal(size=(120, 30))), np.abs(rng.normal(size=(120, 30))) + 0.05

    def theirs(real: Matrix, fake: Matrix) -> float:
        sides = [torch.from_numpy(side) for side in (real, fake)]
        found = peer.kid_features_to_metric(*sides, kid_subsets=1, kid_subset_size=120, verbose=False)
        return float(found["kernel_inception_distance_mean"])

    assert kernel_distance(x, y)[0] == pytest.approx(theirs(x, y), rel=1e-9)
    assert kernel_distance(1.01 * x, y)[0] != pytest.approx(theirs(x, y), rel=1e-3)
