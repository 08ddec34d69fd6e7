"""The distance at infinitely many rows: a known limit, an interval that covers it, and fits that would miss it."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from gandiag.numerics import frechet_limit as module
from gandiag.numerics.frechet_distance import frechet_distance
from gandiag.numerics.frechet_limit import Limit, fitted, frechet_limit

Matrix = NDArray[np.float64]

TRUTH = 16 * (0.5**2 + 0.3**2)  # 5.44 for N(0, I) and 1.5 N + 0.3 in 16-d


def sides(seed: int, n: int = 400, m: int = 400) -> tuple[Matrix, Matrix]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 16)), 1.5 * rng.normal(size=(m, 16)) + 0.3


def limit(real: Matrix, fake: Matrix, seed: int = 0) -> Limit:
    found = frechet_limit(real, fake, full=frechet_distance(real, fake), rng=np.random.default_rng(seed))
    assert found is not None
    return found


@pytest.mark.row(63)
@pytest.mark.parametrize(("n", "m", "plain"), [(200, 200, 6.73), (400, 1200, 5.83)])
def test_the_limit_is_unbiased_and_its_interval_covers(n: int, m: int, plain: float) -> None:
    """Mean within 4 standard errors of 5.44; at least 31 of 40 intervals of 95 % cover (binomial at 1e-4)."""
    pairs = [sides(seed, n, m) for seed in range(40)]
    found = [limit(*pair, seed) for seed, pair in enumerate(pairs)]
    values = np.array([one.value for one in found])
    error = values.std(ddof=1) / np.sqrt(40)
    raw = np.array([frechet_distance(*pair) for pair in pairs])
    assert abs(values.mean() - TRUTH) < 4 * error
    assert abs(raw.mean() - plain) < 4 * raw.std() / np.sqrt(40) + 0.05
    covered = sum(bool(one.low <= TRUTH <= one.high) for one in found if one.low is not None and one.high is not None)
    assert covered >= 31
    # The plain distance is biased, and an interval of that width about it misses.
    assert raw.mean() - TRUTH > 4 * error
    shifted = [(one.low + d - one.value, one.high + d - one.value) for one, d in zip(found, raw, strict=True)]  # type: ignore[operator]
    assert sum(low <= TRUTH <= high for low, high in shifted) < covered


@pytest.mark.row(63)
@pytest.mark.slow
@pytest.mark.parametrize("n", [200, 1600])
def test_the_interval_covers_over_many_repetitions(n: int) -> None:
    found = [limit(*sides(seed, n, n), seed) for seed in range(400)]
    assert sum(bool(one.low <= TRUTH <= one.high) for one in found) >= 362  # type: ignore[operator]  # 1e-4 at 95 %


def test_at_equal_laws_the_interval_holds_zero() -> None:
    covered = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        one = limit(rng.normal(size=(200, 4)), rng.normal(size=(200, 4)), seed)
        covered += bool(one.low <= 0.0 <= one.high)  # type: ignore[operator]
    assert covered >= 30


def test_points_on_a_line_give_its_value_at_no_bias() -> None:
    points = [(k, 3.0 + 0.7 * k) for k in (1.0, 2.0, 3.0, 4.0)]
    assert fitted(points, (1, 2, 3, 4)) == pytest.approx((3.0, 0.7))
    # Two sizes are Richardson's step.
    assert fitted([(1.0, 5.0), (2.0, 8.0)], (1, 2))[0] == pytest.approx(2.0 * 5.0 - 8.0)
    # Large samples count more: an error at the smallest size moves the limit less than one at the largest.
    moved = [fitted([(x, y + 0.1 * (x == at)) for x, y in points], (1, 2, 3, 4))[0] - 3.0 for at in (1.0, 4.0)]
    assert abs(moved[0]) > 2.0 * abs(moved[1])


def test_the_line_is_what_a_figure_draws() -> None:
    found = limit(*sides(0))
    assert found.line.shape == (4, 3)
    assert found.line[:, 0] == pytest.approx([1.0, 2.0, 3.0, 4.0], rel=0.01)
    assert found.line[0, 1] == pytest.approx(frechet_distance(*sides(0)))
    slope = (found.line[1, 2] - found.line[0, 2]) / (found.line[1, 0] - found.line[0, 0])
    assert found.line[0, 2] - slope * found.line[0, 0] == pytest.approx(found.value)


def test_without_time_for_the_interval_the_line_is_the_same_but_for_its_split(monkeypatch: pytest.MonkeyPatch) -> None:
    real, fake = sides(1)
    with_interval = limit(real, fake)
    monkeypatch.setattr(module, "_MOST_FOR_INTERVAL", 0.0)
    found = limit(real, fake)
    assert found.low is None
    assert found.high is None
    assert found.line.shape == (4, 3)
    assert with_interval.low < found.value < with_interval.high  # type: ignore[operator]
    monkeypatch.setattr(module, "_MOST_FOR_LINE", 5e5)  # the second size, not the third
    assert limit(real, fake).line.shape == (2, 3)
    monkeypatch.setattr(module, "_MOST_FOR_LINE", 0.0)
    assert frechet_limit(real, fake, full=1.0, rng=np.random.default_rng(0)) is None


def test_shares_narrower_than_two_rows_per_column_are_left_out() -> None:
    rng = np.random.default_rng(0)
    assert frechet_limit(rng.normal(size=(63, 16)), rng.normal(size=(63, 16)), full=1.0, rng=rng) is None
    assert limit(*(side[:100] for side in sides(0))).line.shape == (3, 3)


def test_it_takes_tensors(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    real, fake = sides(2)
    for allowed in (5e10, 0.0):
        monkeypatch.setattr(module, "_MOST_FOR_INTERVAL", allowed)
        found = frechet_limit(
            torch.from_numpy(real),
            torch.from_numpy(fake),
            full=frechet_distance(real, fake),
            rng=np.random.default_rng(0),
        )
        assert found is not None
        assert found.value == pytest.approx(limit(real, fake).value, rel=1e-9)
