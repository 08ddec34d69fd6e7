"""Max-sliced Wasserstein distance: the maximum is found, the halves are kept apart, level, power, wrong variants."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from gandiag.core.comparison import Comparison
from gandiag.core.results import Measurement, Relabelling
from gandiag.errors import ConfigError
from gandiag.inference.permutation import permutation_null
from gandiag.metrics.max_sliced_wasserstein import max_sliced_wasserstein_distance, measure
from gandiag.numerics.max_sliced import sharpest_direction
from gandiag.numerics.slices import ProjectedPool, orthonormal_directions, sliced_powers
from gandiag.numerics.solvers import exact_wasserstein

Matrix = NDArray[np.float64]


def measured(real: Matrix, fake: Matrix, seed: int = 0, **options: Any) -> Measurement:
    return measure(Comparison(real=real, fake=fake, fit=real), rng=np.random.default_rng(seed), **options)


def p_value(real: Matrix, fake: Matrix, seed: int = 0, draws: int = 99, **options: Any) -> float:
    null = measured(real, fake, seed, **options).null
    assert isinstance(null, Relabelling)
    return permutation_null(null, draws=draws, rng=np.random.default_rng(seed)).p_value


@pytest.mark.row(53)
@pytest.mark.parametrize("p", [1.0, 2.0])
@pytest.mark.parametrize("d", [1, 3, 40])
def test_a_shift_reads_its_whole_length_in_any_dimension(d: int, p: float) -> None:
    rng = np.random.default_rng(d)
    x, delta = rng.normal(size=(60, d)), rng.normal(size=d)
    value, direction = max_sliced_wasserstein_distance(x, rng.permutation(x) + delta, p, rng=rng)
    # No direction of a moved copy reads more than the shift, and along the shift it reads all of it.
    assert value == pytest.approx(np.linalg.norm(delta), rel=1e-6)
    assert abs(direction @ delta) == pytest.approx(np.linalg.norm(delta), rel=1e-4)
    some = sliced_powers(x, x + delta, orthonormal_directions(d, 1000, rng), p).max() ** (1 / p)
    assert d < 40 or some < 0.75 * value  # the best of many random directions is not the maximum


@pytest.mark.parametrize("p", [1.0, 2.0])
def test_a_change_of_scale_along_one_hidden_axis_is_found(p: float) -> None:
    rng = np.random.default_rng(0)
    axis, _ = np.linalg.qr(rng.normal(size=(20, 20)))
    x, y = rng.normal(size=(500, 20)), rng.normal(size=(500, 20))
    y[:, 3] *= 3.0
    value, direction = max_sliced_wasserstein_distance(x @ axis, y @ axis, p, rng=rng)
    assert abs(direction @ axis[3]) > 0.98
    # |3 - 1| sqrt(2 / pi) = 1.596 and |3 - 1| = 2; 500 rows know a width of 3 to 3 / sqrt(1000).
    assert value == pytest.approx({1.0: 1.596, 2.0: 2.0}[p], abs=4 * 3 / np.sqrt(1000))


@pytest.mark.parametrize(("n", "m", "p"), [(60, 60, 2.0), (60, 45, 1.0)])
@pytest.mark.differential("D14")
def test_its_value_is_that_of_pot_along_its_direction_and_above_the_best_of_a_thousand(
    n: int, m: int, p: float
) -> None:
    import ot

    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(n, 16)), rng.normal(size=(m, 16)) * 1.5
    value, direction = max_sliced_wasserstein_distance(x, y, p, rng=rng)
    along = ot.max_sliced_wasserstein_distance(x, y, projections=direction[:, None], p=p)
    assert value == pytest.approx(float(along), rel=1e-10)
    assert 1.01 * value != pytest.approx(float(along), rel=1e-10)
    assert value > 1.2 * ot.max_sliced_wasserstein_distance(x, y, n_projections=1000, seed=0, p=p)


@pytest.mark.row(54)
@settings(max_examples=25)
@given(st.integers(2, 9), st.integers(2, 9), st.integers(1, 5), st.sampled_from([1.0, 2.0]), st.integers(0, 10_000))
def test_it_lies_between_the_mean_over_its_starts_and_the_whole_distance(
    n: int, m: int, d: int, p: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(n, d)), rng.standard_t(2, size=(m, d)).round(1)
    starts = orthonormal_directions(d, 6, rng)
    direction, power = sharpest_direction(x, y, starts, p=p)
    whole = exact_wasserstein(x, y, p).distance
    over_starts = sliced_powers(x, y, starts, p)
    assert over_starts.max() <= power * (1 + 1e-12)
    assert power ** (1 / p) <= whole * (1 + 1e-9)
    assert power == pytest.approx(sliced_powers(x, y, direction[None], p)[0], rel=1e-9, abs=1e-15)
    assert np.linalg.norm(direction) == pytest.approx(1.0, rel=1e-12)
    # Without the unit length it is no projection, and exceeds the whole distance of two points.
    two = sliced_powers(x[:1], y[:1], 2.0 * (x[:1] - y[:1]) / (np.linalg.norm(x[0] - y[0]) or 1.0), 1.0)[0]
    assert two == pytest.approx(2.0 * np.linalg.norm(x[0] - y[0]), rel=1e-9)


def level(reps: int, *, apart: bool = True) -> int:
    count = 0
    for seed in range(reps):
        rng = np.random.default_rng(seed)
        x, y = rng.normal(size=(24, 4)), rng.normal(size=(30, 4))
        if apart:
            count += p_value(x, y, seed, 39, starts=1) <= 0.05
            continue
        # The wrong variant: the direction is tested on the rows that it was learnt on.
        _, direction = max_sliced_wasserstein_distance(x, y, starts=1, rng=rng)
        line = ProjectedPool((np.concatenate([x, y]) @ direction)[None, :])
        null = Relabelling(observed=np.arange(54) < 24, statistic=lambda labels, line=line: line.mean_w1(labels)[None])
        count += permutation_null(null, draws=39, rng=rng).p_value <= 0.05
    return count


def test_the_test_holds_its_level_and_one_without_halves_does_not() -> None:
    assert 3 <= level(250) <= 27  # binomial limits at 1e-4
    assert level(40, apart=False) > 10


@pytest.mark.slow
def test_the_test_holds_its_level_over_many_repetitions() -> None:
    assert 64 <= level(2000) <= 140


def test_it_sees_a_shift_of_one_column_in_many_where_the_average_does_not() -> None:
    from gandiag.metrics.sliced_wasserstein import measure as sliced

    seen = averaged = 0
    for seed in range(10):
        rng = np.random.default_rng(seed)
        x, y = rng.normal(size=(300, 100)), rng.normal(size=(300, 100))
        y[:, 7] += 0.9
        seen += p_value(x, y, seed) <= 0.05
        null = sliced(Comparison(real=x, fake=y, fit=x), rng=rng, directions=50).null
        assert isinstance(null, Relabelling)
        averaged += permutation_null(null, draws=99, rng=rng).p_value <= 0.05
    assert seen >= 8
    assert seen > averaged


@pytest.mark.parametrize("unit", [1e-9, 1.0, 1e9])
@pytest.mark.parametrize("p", [1.0, 2.0])
def test_a_shift_is_seen_and_explained_in_any_unit(unit: float, p: float) -> None:
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(200, 6)), rng.normal(size=(150, 6))
    y[:, 2] += 1.5
    found = measured(unit * x, unit * y, p=p)
    assert found.details["largest_columns"][0]["column"] == 2
    # Quantile by quantile the same law moved: of the judged rows, at equal levels.
    assert np.abs(np.diff(found.arrays["quantiles"], axis=0)).mean() == pytest.approx(1.5 * unit, abs=0.5 * unit)
    assert np.median(found.arrays["projections"][found.arrays["is_real"]]) == pytest.approx(
        found.arrays["quantiles"][0, 49:51].mean()
    )
    assert found.estimate == pytest.approx(1.5 * unit, abs=0.5 * unit)
    assert p_value(unit * x, unit * y, p=p) == 0.01


def test_the_lower_bound_holds_and_one_from_the_learning_half_does_not() -> None:
    # Equal laws: any positive bound is wrong. One-sided 95 %: 200 runs may miss at most 22 times.
    missed = fitted = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        x, y = rng.normal(size=(60, 5)), rng.normal(size=(60, 5))
        found = measured(x, y, seed, starts=1)
        assert found.interval is not None
        assert found.interval.low is not None
        missed += found.interval.low > 0.0
        fitted += found.details["distance_where_learnt"] > 1.96 * np.sqrt(2 / 30)
    assert missed <= 22
    assert fitted > 100


def test_the_lower_bound_of_a_far_shift_is_close() -> None:
    rng = np.random.default_rng(3)
    found = measured(rng.normal(size=(1000, 10)), rng.normal(size=(1000, 10)) + 1.0)
    assert found.interval is not None
    assert found.interval.low is not None
    assert 2.7 < found.interval.low < np.sqrt(10)


@pytest.mark.parametrize("p", [1.0, 2.0])
def test_torch_tensors_give_the_same_direction(p: float) -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=(50, 4)), rng.normal(size=(40, 4)) * 1.4
    host = max_sliced_wasserstein_distance(x, y, p, rng=np.random.default_rng(0))
    there = max_sliced_wasserstein_distance(torch.tensor(x), torch.tensor(y), p, rng=np.random.default_rng(0))
    assert there[0] == pytest.approx(host[0], rel=1e-10)
    np.testing.assert_allclose(there[1], host[1], atol=1e-8)


@pytest.mark.cuda
def test_a_cuda_device_gives_the_same_result() -> None:
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    rng = np.random.default_rng(5)
    x, y = rng.normal(size=(300, 8)), rng.normal(size=(250, 8)) + 0.3
    host = measured(x, y)
    on_device = Comparison(real=x, fake=y, fit=x, device="cuda")
    there = measure(on_device, rng=np.random.default_rng(0))
    assert there.estimate == pytest.approx(host.estimate, rel=1e-9)
    np.testing.assert_allclose(there.arrays["direction"], host.arrays["direction"], atol=1e-7)


def test_wrong_options_are_refused() -> None:
    with pytest.raises(ConfigError, match="`starts` must be at least 1"):
        measured(np.ones((4, 2)), np.ones((4, 2)), starts=0)
    with pytest.raises(ConfigError, match="`p` must be at least 1 and finite"):
        measured(np.ones((4, 2)), np.ones((4, 2)), p=0.5)


def test_of_a_direction_and_its_opposite_the_same_one_is_always_told() -> None:
    rng = np.random.default_rng(8)
    x, y = rng.normal(size=(200, 5)), rng.normal(loc=[0, 0.5, 0, -2, 0], size=(200, 5))
    for first, second in ((x, y), (y, x)):
        _, direction = max_sliced_wasserstein_distance(first, second, rng=np.random.default_rng(1))
        assert np.argmax(np.abs(direction)) == 3
        assert direction[3] > 0.9
