"""Fréchet distance: closed forms, routes, floors, level, and wrong variants that must be seen."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from gandiag.core.comparison import Comparison
from gandiag.core.results import KnownNull, Measurement, Relabelling
from gandiag.errors import ConfigError, TooFewSamplesError
from gandiag.inference.permutation import permutation_null
from gandiag.metrics import _frechet as module
from gandiag.metrics.frechet import frechet_distance, frechet_from_moments, measure
from gandiag.numerics.linalg import ROUTE_CUT, ROUTE_DEFINITE, ROUTE_THIN
from gandiag.numerics.moments import Moments

Matrix = NDArray[np.float64]


def measured(real: Matrix, fake: Matrix, seed: int = 0, **options: Any) -> Measurement:
    return measure(Comparison(real=real, fake=fake, fit=real), rng=np.random.default_rng(seed), **options)


def p_value(real: Matrix, fake: Matrix, seed: int = 0, draws: int = 99) -> float:
    null = measured(real, fake, seed).null
    assert isinstance(null, Relabelling)
    return permutation_null(null, draws=draws, rng=np.random.default_rng(seed)).p_value


def by_sqrtm(mean1: Matrix, cov1: Matrix, mean2: Matrix, cov2: Matrix) -> float:
    from scipy.linalg import sqrtm

    root = sqrtm(cov1 @ cov2)
    return float(np.square(mean1 - mean2).sum() + np.trace(cov1 + cov2 - 2.0 * np.real(root)))


def moments_with(mean: Matrix, covariance: Matrix, count: int = 101) -> Moments:
    return Moments(count=count, mean=np.asarray(mean, float), scatter=np.asarray(covariance, float) * (count - 1))


def sides(n: int, m: int, d: int, seed: int = 0) -> tuple[Matrix, Matrix]:
    rng = np.random.default_rng(seed)
    mix = rng.normal(size=(d, d))
    return rng.normal(size=(n, d)), rng.normal(size=(m, d)) @ mix / np.sqrt(d) + 0.5


@pytest.mark.row(61)
def test_two_normal_laws_on_the_line_are_at_two() -> None:
    # N(0, 1) and N(1, 4), by moments and as a nuclear norm of rows with exactly those moments.
    rows = np.array([[-1.0], [1.0]]) / np.sqrt(2.0)
    assert frechet_distance(rows, 2.0 * rows + 1.0) == pytest.approx(2.0, rel=1e-12)
    assert frechet_distance(np.repeat(rows, 2, axis=1), np.repeat(2.0 * rows + 1.0, 2, axis=1)) == pytest.approx(4.0)
    found = frechet_from_moments(moments_with([0.0], [[1.0]]), moments_with([1.0], [[4.0]]))
    assert found == pytest.approx(2.0, rel=1e-12)
    assert 1.0 + 5.0 - 1.0 * np.sqrt(4.0) != pytest.approx(2.0)  # the factor 2 of the trace left out


def test_diagonal_covariances_have_a_closed_form() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.uniform(0.1, 5.0, size=(2, 9))
    means = rng.normal(size=(2, 9))
    expected = np.square(means[0] - means[1]).sum() + np.square(np.sqrt(a) - np.sqrt(b)).sum()
    found = frechet_from_moments(moments_with(means[0], np.diag(a)), moments_with(means[1], np.diag(b)))
    assert found == pytest.approx(expected, rel=1e-12)


def test_it_agrees_with_a_matrix_root_and_a_transposed_factor_does_not() -> None:
    x, y = sides(80, 60, 6)
    cov1, cov2 = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    expected = by_sqrtm(x.mean(axis=0), cov1, y.mean(axis=0), cov2)
    assert frechet_distance(x, y) == pytest.approx(expected, rel=1e-8)
    assert 1.01 * frechet_distance(x, y) != pytest.approx(expected, rel=1e-8)
    # The root of S1 S2 from Cholesky factors needs L1' L2: one transpose amiss is another number.
    factor1, factor2 = np.linalg.cholesky(cov1), np.linalg.cholesky(cov2)
    right, wrong = (np.linalg.svd(f @ factor2, compute_uv=False).sum() for f in (factor1.T, factor1))
    rest = np.square(x.mean(axis=0) - y.mean(axis=0)).sum() + np.trace(cov1 + cov2)
    assert rest - 2 * right == pytest.approx(expected, rel=1e-8)
    assert rest - 2 * wrong != pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize(("n", "m", "d"), [(20, 30, 48), (30, 200, 48), (49, 49, 48), (2, 2, 3)])
def test_few_rows_agree_with_the_matrix_root_within_its_noise(n: int, m: int, d: int) -> None:
    import warnings

    x, y = sides(n, m, d)
    cov1, cov2 = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the root of a singular matrix is what we do not take
        expected = by_sqrtm(x.mean(axis=0), cov1, y.mean(axis=0), cov2)
    assert frechet_distance(x, y) == pytest.approx(expected, abs=1e-5 * np.trace(cov1 + cov2))


def test_the_routes_agree_and_are_named() -> None:
    x, y = sides(40, 60, 5)
    wide = np.pad(x, ((0, 0), (0, 60))), np.pad(y, ((0, 0), (0, 60)))
    constant = np.pad(x, ((0, 0), (0, 1))), np.pad(y, ((0, 0), (0, 1)))
    expected = frechet_distance(x, y)
    for pair, route in (((x, y), ROUTE_DEFINITE), (wide, ROUTE_THIN), (constant, ROUTE_CUT)):
        found = measured(*pair)
        assert found.details["route"] == route
        assert found.estimate == pytest.approx(expected, rel=1e-9)
    assert measured(x, y).status == "ok"


def test_fewer_rows_than_columns_are_degraded_with_the_reason() -> None:
    found = measured(*sides(20, 50, 30))
    assert found.status == "degraded"
    assert found.warnings == ("rank-deficient: 20 rows for 30 columns; the bias is large",)
    assert found.details["extrapolated"] is None
    assert found.details["infinity"] is None


@pytest.mark.parametrize("offset", [1e4, 1e6])
def test_an_offset_changes_nothing_and_raw_second_moments_would_be_caught(offset: float) -> None:
    x, y = sides(200, 150, 8)
    expected = frechet_distance(x, y)

    def check(covariances: list[Matrix]) -> None:
        found = by_sqrtm(x.mean(axis=0), covariances[0], y.mean(axis=0), covariances[1])
        assert found == pytest.approx(expected, rel=1e-6)

    assert frechet_distance(x + offset, y + offset) == pytest.approx(expected, rel=1e-8)
    check([np.cov(side + offset, rowvar=False) for side in (x, y)])
    raw = []
    for side in (x.astype(np.float32) + np.float32(offset), y.astype(np.float32) + np.float32(offset)):
        mean = side.mean(axis=0)
        raw.append(np.asarray((side.T @ side - len(side) * np.outer(mean, mean)) / (len(side) - 1), float))
    with pytest.raises(AssertionError, match=r"^assert "):
        check(raw)


def test_streamed_moments_give_the_same_number() -> None:
    x, y = sides(90, 70, 4)
    states = [Moments.empty(4).update(z[:31]).merge(Moments.of(z[31:])) for z in (x + 1e6, y + 1e6)]
    assert frechet_from_moments(*states) == pytest.approx(frechet_distance(x, y), rel=1e-8)


@given(st.integers(3, 14), st.integers(3, 14), st.integers(1, 5), st.integers(0, 10_000))
def test_its_invariances(n: int, m: int, d: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y, z = rng.normal(size=(n, d)), rng.normal(size=(m, d)) * 2 + 1, rng.normal(size=(m, d)).round()
    value = frechet_distance(x, y)
    scale = float(np.square(x).mean() + np.square(y).mean()) * d
    near: dict[str, Any] = {"rel": 1e-8, "abs": 1e-7 * scale}
    rotation, _ = np.linalg.qr(rng.normal(size=(d, d)))
    assert value > 0.0, "a distance with the wrong sign would be cut at 0"
    assert frechet_distance(y, x) == pytest.approx(value, **near)
    assert frechet_distance(rng.permutation(x), y) == pytest.approx(value, **near)
    assert frechet_distance(x @ rotation + 50.0, y @ rotation + 50.0) == pytest.approx(value, **near)
    assert frechet_distance(3.0 * x, 3.0 * y) == pytest.approx(9.0 * value, rel=1e-7, abs=1e-6 * scale)
    assert frechet_distance(x, x) == 0.0
    root = [np.sqrt(frechet_distance(a, b)) for a, b in ((x, y), (y, z), (x, z))]
    assert root[2] <= root[0] + root[1] + 1e-3 * np.sqrt(scale)
    assert root[0] >= np.linalg.norm(x.mean(axis=0) - y.mean(axis=0)) - 1e-6


def test_relabelling_from_the_pooled_sums_is_the_distance_of_the_rows() -> None:
    for n, m, d in ((30, 50, 4), (6, 50, 8), (10, 12, 40)):
        x, y = sides(n, m, d)
        null = measured(x, y).null
        assert isinstance(null, Relabelling)
        pool = np.concatenate([x, y])
        labels = np.random.default_rng(0).permuted(np.repeat((np.arange(n + m) < n)[None], 5, axis=0), axis=1).T
        expected = [frechet_distance(pool[c], pool[~c]) for c in labels.T]
        np.testing.assert_allclose(null.statistic(labels)[0], expected, rtol=1e-8)


@pytest.mark.row(62)
def test_the_floor_of_64_normal_columns_is_the_closed_form() -> None:
    # 2.208, seen 2.210 with standard deviation 0.07.
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(1000, 64)), rng.normal(size=(1000, 64))
    exact = (2 / 1000) * 64 * (64 + 5) / 4
    found = measured(x, y, floor="gaussian")
    assert isinstance(found.null, KnownNull)
    assert found.null.floor is not None
    assert found.null.floor.mean == pytest.approx(exact, rel=0.02)
    assert found.null.floor.sd == pytest.approx(0.07, abs=0.005)
    assert found.null.p_value is None
    assert found.reasons["p_value"]
    assert abs(found.estimate - exact) < 5 * 0.07
    permuted = measured(x, y).null
    assert isinstance(permuted, Relabelling)
    null = permutation_null(permuted, draws=60, rng=rng)
    assert null.estimates.mean() == pytest.approx(exact, abs=0.1)
    assert null.estimates.std() == pytest.approx(0.07, abs=0.03)


@pytest.mark.row(64)
def test_a_naive_bootstrap_would_add_a_second_floor() -> None:
    # the reason why none is offered.
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(1000, 16)), rng.normal(size=(1000, 16))
    again = [frechet_distance(x[rng.integers(1000, size=1000)], y[rng.integers(1000, size=1000)]) for _ in range(30)]
    assert 1.6 < np.mean(again) / frechet_distance(x, y) < 2.4
    assert "second floor" in measured(x, y).reasons["interval"]


@pytest.mark.row(63)
def test_extrapolation_removes_the_bias() -> None:
    # 5.44 for 1.5 N + 0.3 in 16-d, where n = 400 reads about 6.1.
    plain, extrapolated = [], []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        x, y = rng.normal(size=(400, 16)), 1.5 * rng.normal(size=(400, 16)) + 0.3
        found = measured(x, y, seed)
        plain.append(found.estimate)
        extrapolated.append(found.details["extrapolated"])
    error = np.std(extrapolated) / np.sqrt(20)
    assert np.mean(plain) == pytest.approx(6.12, abs=0.25)
    assert abs(np.mean(extrapolated) - 5.44) < 4 * error + 0.05
    assert np.mean(plain) - 5.44 > 4 * np.std(plain) / np.sqrt(20)


@pytest.mark.row(63)
def test_the_limit_stands_in_the_details_with_its_interval_and_its_line() -> None:
    rng = np.random.default_rng(0)
    found = measured(rng.normal(size=(400, 16)), 1.5 * rng.normal(size=(400, 16)) + 0.3)
    infinity = found.details["infinity"]
    assert infinity["interval"]["low"] < infinity["estimate"] < infinity["interval"]["high"]
    assert infinity["interval"]["low"] < 5.44 < infinity["interval"]["high"]
    assert found.estimate is not None
    assert infinity["estimate"] < found.estimate
    assert found.arrays["infinity_line"][0, 1] == pytest.approx(found.estimate)


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.cuda)])
def test_a_device_gives_the_same_measurement(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    monkeypatch.setattr(module, "_WIDE", 1)
    x, y = sides(60, 50, 5)
    wide = np.pad(x, ((0, 0), (0, 60))), np.pad(y, ((0, 0), (0, 60)))
    for floor in module.FLOORS:
        for pair in ((x, y), wide) if floor == "permutation" else ((x, y),):
            there, here = (
                measure(
                    Comparison(real=pair[0], fake=pair[1], fit=pair[0], device=d),
                    rng=np.random.default_rng(0),
                    floor=floor,
                )
                for d in (device, None)
            )
            assert there.estimate == pytest.approx(here.estimate, rel=1e-9)
            if isinstance(there.null, Relabelling) and isinstance(here.null, Relabelling):
                labels = np.random.default_rng(1).permuted(np.tile(np.arange(110) < 60, (4, 1)), axis=1).T
                np.testing.assert_allclose(there.null.statistic(labels), here.null.statistic(labels), rtol=1e-8)
            elif isinstance(there.null, KnownNull) and isinstance(here.null, KnownNull):
                assert there.null.floor is not None
                assert here.null.floor is not None
                assert there.null.floor.mean == pytest.approx(here.null.floor.mean, rel=1e-8)


def test_the_distance_is_the_squared_wasserstein_distance_of_gaussian_laws() -> None:
    # It bounds W_2^2 of any laws with those moments from below (Gelbrich): 1-d samples, where W_2 is a sort.
    rng = np.random.default_rng(3)
    for draw in (rng.standard_normal, rng.standard_exponential):
        x, y = np.sort(draw(500)), np.sort(2.0 * draw(500) + 1.0)
        cov = [moments_with([z.mean()], [[z.var()]]) for z in (x, y)]
        assert frechet_from_moments(*cov) <= np.square(x - y).mean() + 1e-9


def level(reps: int, d: int = 3) -> int:
    count = 0
    for seed in range(reps):
        rng = np.random.default_rng(seed)
        count += p_value(rng.normal(size=(20, d)), rng.normal(size=(30, d)), seed) <= 0.05
    return count


def test_the_test_holds_its_level() -> None:
    assert 1 <= level(120) <= 17  # binomial limit at 1e-4; none of 120 has a chance of 0.002


@pytest.mark.slow
@pytest.mark.parametrize("d", [3, 25])
def test_the_test_holds_its_level_over_many_repetitions(d: int) -> None:
    assert 64 <= level(2000, d) <= 140


@pytest.mark.parametrize("unit", [1e-9, 1.0, 1e9])
def test_it_sees_a_shift_and_a_change_of_width_in_any_unit(unit: float) -> None:
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=(150, 3)), rng.normal(size=(150, 3))
    assert p_value(x * unit, (y + 1.0) * unit) == 0.01
    assert p_value(x * unit, 2.0 * y * unit) == 0.01
    assert p_value(x * unit, y * unit) > 0.05


def test_it_is_blind_to_laws_with_equal_moments() -> None:
    rng = np.random.default_rng(5)
    coins = rng.choice([-1.0, 1.0], size=(300, 2))
    assert p_value(rng.normal(size=(300, 2)), coins) > 0.05


def test_permutations_that_would_take_minutes_leave_a_floor_without_a_p_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_OPERATIONS", 1e6)
    rng = np.random.default_rng(6)
    found = measured(rng.normal(size=(60, 10)), rng.normal(size=(60, 10)))
    assert isinstance(found.null, KnownNull)
    assert found.null.floor is not None
    assert found.null.floor.source == "permutation (23 relabellings)"
    assert abs(found.estimate - found.null.floor.mean) < 6 * found.null.floor.sd
    assert "take minutes" in found.reasons["p_value"]


def test_constant_data_on_one_side_or_both() -> None:
    rng = np.random.default_rng(7)
    rows = rng.normal(size=(50, 3))
    constant = np.full((40, 3), 0.1)
    expected = np.square(rows.mean(axis=0) - 0.1).sum() + np.trace(np.cov(rows, rowvar=False))
    assert frechet_distance(rows, constant) == pytest.approx(expected, rel=1e-10)
    assert measured(constant, constant[:9]).estimate == 0.0
    assert p_value(constant, constant[:9]) == 1.0
    gaussian = measured(constant, constant[:9], floor="gaussian").null
    assert isinstance(gaussian, KnownNull)
    assert gaussian.floor is not None
    assert gaussian.floor.mean == gaussian.floor.sd == 0.0


def test_wrong_options_and_single_rows_are_refused() -> None:
    with pytest.raises(ConfigError, match="`floor` must be one of gaussian, permutation, real_vs_real"):
        measured(np.ones((4, 1)), np.ones((4, 1)), floor="bootstrap")
    with pytest.raises(TooFewSamplesError, match="at least 2 rows"):
        frechet_from_moments(Moments.of(np.ones((1, 2))), Moments.of(np.ones((5, 2))))


def test_the_floor_by_halves_is_that_of_fresh_pairs_and_no_fake_row_can_touch_it() -> None:
    """Halves of 400 rows brought to 200 against 100: the mean of 200 fresh pairs, within 5 standard errors."""
    rng = np.random.default_rng(4)
    fresh = np.array([frechet_distance(rng.normal(size=(200, 4)), rng.normal(size=(100, 4))) for _ in range(200)])
    floors = []
    for seed in range(30):
        draw = np.random.default_rng(seed)
        comparison = Comparison(
            real=draw.normal(size=(200, 4)), fake=np.full((100, 4), 1e3 * seed), fit=draw.normal(size=(200, 4))
        )
        null = measure(comparison, rng=draw, floor="real_vs_real").null
        assert isinstance(null, KnownNull)
        assert null.floor is not None
        floors.append(null.floor.mean)
    error = np.hypot(fresh.std() / np.sqrt(200), np.std(floors) / np.sqrt(30))
    assert np.mean(floors) == pytest.approx(fresh.mean(), abs=5 * error)
    # Without the 1/n law the halves, of 200 rows each, would say two thirds of that.
    assert abs(np.mean(floors) / 1.5 - fresh.mean()) > 5 * error


def test_the_floor_by_halves_refuses_too_few_rows() -> None:
    rng = np.random.default_rng(0)
    comparison = Comparison(real=rng.normal(size=(20, 8)), fake=rng.normal(size=(20, 8)), fit=rng.normal(size=(9, 8)))
    with pytest.raises(ConfigError, match="needs over 32 real rows for 8 columns"):
        measure(comparison, rng=rng, floor="real_vs_real")
