"""Clouds of halves: points by definition, where they lie and how they scatter, and a bootstrap that must fail."""

from __future__ import annotations

import numpy as np
import pytest

from gandiag.metrics.coverage import coverage
from gandiag.metrics.density import density
from gandiag.metrics.precision import precision
from gandiag.metrics.recall import recall
from gandiag.numerics.half_clouds import density_and_coverage, half_clouds, precision_and_recall
from gandiag.numerics.labelled_balls import Labels, neighbour_order

K = 3


@pytest.mark.parametrize("ties", ["closed", "prdc"])
@pytest.mark.parametrize(("n", "m"), [(30, 30), (20, 41), (33, 15)])
def test_every_point_is_the_score_of_its_rows(n: int, m: int, ties: str) -> None:
    rng = np.random.default_rng(n)
    pool = np.concatenate([rng.integers(0, 5, (n, 2)), rng.integers(1, 7, (m, 2))]).astype(float)
    table, seen = neighbour_order(pool), []
    pairs = [precision_and_recall(table, K, ties), density_and_coverage(table, K, ties)]  # type: ignore[arg-type]

    def scores(a: Labels, b: Labels) -> np.ndarray:  # type: ignore[type-arg]
        seen.append((a, b))
        return np.concatenate([pair(a, b) for pair in pairs], axis=1)

    found = half_clouds(np.arange(n + m) < n, scores, K, rng=rng, points=5)
    for (a, b), points in zip(seen, found.values(), strict=True):
        assert np.all(a.sum(0) == min(n, m) // 2)
        assert np.all(b.sum(0) == min(n, m) // 2)
        assert not (a & b).any()
        for i, point in enumerate(points):
            sides = pool[a[:, i]], pool[b[:, i]]
            expected = [score(*sides, K, ties) for score in (precision, recall, density, coverage)]  # type: ignore[operator]
            np.testing.assert_allclose(point, expected, rtol=1e-12)
    assert not seen[0][0][n:].any()
    assert not seen[1][1][n:].any()
    assert not seen[0][1][:n].any()


def test_halves_without_neighbours_make_no_cloud() -> None:
    pool = np.random.default_rng(0).normal(size=(12, 2))
    scores = precision_and_recall(neighbour_order(pool), K, "closed")
    assert half_clouds(np.arange(12) < 6, scores, K, rng=np.random.default_rng(0)) == {}


def scatter(seed: int, n: int = 50) -> tuple[np.ndarray, ...]:  # type: ignore[type-arg]
    """Score one sample of each law: all rows, and the variance and the mean of both clouds."""
    rng = np.random.default_rng(seed)
    pool = rng.normal(size=(2 * n, 4))
    pool[n:] += 0.5
    is_real = np.arange(2 * n) < n
    scores = precision_and_recall(neighbour_order(pool), K, "closed")
    clouds = half_clouds(is_real, scores, K, rng=rng, points=16)
    return scores(is_real[:, None], ~is_real[:, None])[0], *(clouds[name].var(0, ddof=1) for name in clouds)


def test_points_scatter_between_samples_of_all_rows_and_samples_of_half() -> None:
    """The bounds are wide enough for 40 samples: a ratio of standard deviations has an error of 11 %."""
    full, made, real = (np.stack(found) for found in zip(*map(scatter, range(40)), strict=True))
    ratio = np.sqrt(made.mean(0)) / full.std(0, ddof=1)
    assert np.all((ratio > 0.8) & (ratio < 2.0)), ratio
    assert np.all(real.mean(0) > 0.0)


def test_a_bootstrap_in_their_place_is_found() -> None:
    """Rows drawn twice have balls without extent: precision of resampled halves is lower, by standard errors."""
    lower = []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        real, fake = rng.normal(size=(40, 4)), rng.normal(size=(40, 4))
        scores = precision_and_recall(neighbour_order(np.concatenate([real, fake])), 1, "closed")
        cloud = half_clouds(np.arange(80) < 40, scores, 1, rng=rng, points=4)["halves"][:, 0]
        wrong = [precision(real[rng.integers(0, 40, 20)], fake[rng.integers(0, 40, 20)], 1) for _ in range(4)]
        lower.append(cloud.mean() - np.mean(wrong))
    assert np.mean(lower) > 3 * np.std(lower, ddof=1) / np.sqrt(len(lower))
