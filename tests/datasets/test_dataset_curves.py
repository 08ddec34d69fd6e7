"""Noisy curves and lines: quadrature densities against closed forms, and against GAN Lab's own samples."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dataset_checks import check_plane_integral, check_variance
from scipy import stats

from gandiag.core.specs import DATASETS
from gandiag.datasets import ganlab_line, parallel_lines

CURVES: dict[str, tuple[dict[str, Any], float, float]] = {
    "moons": ({"sigma": 0.1}, -2.0, 3.0),
    "spiral": ({"sigma": "0.1", "turns": 1.5}, -2.7, 2.7),
    "ganlab_line": ({}, -0.05, 1.0),
    "ganlab_ring": ({}, 0.0, 1.0),
}
SIGMA = {"moons": 0.1, "spiral": 0.1, "ganlab_line": 0.01, "ganlab_ring": 0.025}
GANLAB = Path(__file__).parents[3] / "shared" / "data" / "ganlab_2d_samples.npz"


@pytest.mark.parametrize("name", CURVES)
def test_a_density_integrates_to_one(name: str) -> None:
    options, low, high = CURVES[name]
    law = DATASETS.get(name).open(**options)
    check_plane_integral(law.log_density, low, high, SIGMA[name])
    with pytest.raises(AssertionError, match=r"integrates to 1\.0000"):
        check_plane_integral(lambda x: law.log_density(x) + 1e-5, low, high, SIGMA[name])


@pytest.mark.parametrize("name", CURVES)
def test_samples_follow_the_density(name: str) -> None:
    """Counts in the cells of a coarse grid, against the density integrated over each cell."""
    options, low, high = CURVES[name]
    law = DATASETS.get(name).open(**options)
    cells, per_cell = 6, max(8, math.ceil((high - low) / 6 / SIGMA[name] * 1.5))
    step = (high - low) / cells / per_cell
    ticks = low + step * (np.arange(cells * per_cell) + 0.5)
    grid = np.stack(np.meshgrid(ticks, ticks, indexing="ij"), axis=-1).reshape(-1, 2)
    mass = np.exp(law.log_density(grid)).reshape(cells, per_cell, cells, per_cell).sum(axis=(1, 3)) * step**2
    x = law.sample(20_000, rng=np.random.default_rng(0)).values
    counts, _, _ = np.histogram2d(*x.T, bins=cells, range=[[low, high]] * 2)
    enough = mass * len(x) > 10

    def check(shares: np.ndarray) -> None:
        # The midpoint rule errs by less than 1 % of a cell's mass at this step; the sample by more.
        expected = shares[enough] / shares[enough].sum() * counts[enough].sum()
        assert stats.chisquare(counts[enough], expected).pvalue > 1e-5

    check(mass)
    with pytest.raises(AssertionError, match="> 1e-05"):
        check(mass * np.linspace(0.8, 1.2, cells)[:, None])


def test_the_density_of_the_line_is_the_closed_form() -> None:
    """Along the segment a uniform convolved with a Gaussian, across it a Gaussian."""
    law = DATASETS.get("ganlab_line").open()
    start, end, sigma = np.array(ganlab_line.START), np.array(ganlab_line.END), ganlab_line.SIGMA
    length = math.dist(start, end)
    along = (end - start) / length
    x = law.sample(300, rng=np.random.default_rng(0)).values
    u = (x - start) @ along
    v = (x - start) @ np.array([-along[1], along[0]])
    expected = np.log((stats.norm.cdf((length - u) / sigma) - stats.norm.cdf(-u / sigma)) / length) + stats.norm.logpdf(
        v, scale=sigma
    )
    np.testing.assert_allclose(law.log_density(x), expected, rtol=1e-9)
    assert not np.allclose(law.log_density(x) - math.log(2), expected, rtol=1e-3)


def test_noise_across_the_curves_has_the_declared_standard_deviation() -> None:
    law = DATASETS.get("ganlab_line").open()
    start, end = np.array(ganlab_line.START), np.array(ganlab_line.END)
    along = (end - start) / math.dist(start, end)
    across = (law.sample(5000, rng=np.random.default_rng(1)).values - start) @ np.array([[-along[1]], [along[0]]])
    check_variance(across, np.array([[0.01**2]]))
    with pytest.raises(AssertionError, match=r"variance is 0\.0097"):
        check_variance(across, np.array([[0.01]]))


def test_moons_are_labelled_by_moon() -> None:
    samples = DATASETS.get("moons").open(sigma=0.001).sample(500, rng=np.random.default_rng(0))
    outer = np.abs(np.linalg.norm(samples.values, axis=1) - 1) < 0.01
    inner = np.abs(np.linalg.norm(samples.values - [1, 0.5], axis=1) - 1) < 0.01
    assert samples.labels is not None
    assert outer[samples.labels == 0].all()
    assert inner[samples.labels == 1].all()


def test_the_spiral_ends_at_its_radius_after_its_turns() -> None:
    law = DATASETS.get("spiral").open(turns=1.25, radius=3, sigma=0.003)
    np.testing.assert_allclose(law.curves[0].at(np.array([0.0, 1.0])), [[0, 0], [0, 3]], atol=1e-12)


def test_parallel_lines_lie_theta_apart() -> None:
    rng = np.random.default_rng(0)
    x = DATASETS.get("parallel_lines").open(theta="-0.5").sample(4000, rng=rng).values
    assert (x[:, 0] == -0.5).all()
    assert stats.kstest(x[:, 1], "uniform").pvalue > 1e-5
    assert parallel_lines.wasserstein_between(0, -0.5) == 0.5
    assert parallel_lines.jsd_between(0, 1e-9) == math.log(2)
    assert parallel_lines.jsd_between(1, 1) == 0
    assert not hasattr(DATASETS.get("parallel_lines").open(), "log_density")


@pytest.mark.skipif(not GANLAB.exists(), reason="GAN Lab's samples are not at hand")
@pytest.mark.parametrize("shape", ["line", "gaussians", "ring", "disjoint"])
def test_ganlab_shapes_match_the_original_samples(shape: str) -> None:
    """Kolmogorov-Smirnov on fixed projections, and the mean log density; 20 000 rows each."""
    law = DATASETS.get(f"ganlab_{shape}").open()
    with np.load(GANLAB, allow_pickle=False) as archive:
        theirs = archive[f"{shape}_real"].astype(np.float64)
    ours = law.sample(20_000, rng=np.random.default_rng(4)).values
    projections = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [1.0, -1.0]]).T

    def check(x: np.ndarray) -> None:
        p_values = [
            stats.ks_2samp(a, b).pvalue for a, b in zip((x @ projections).T, (ours @ projections).T, strict=True)
        ]
        assert min(p_values) > 1e-4, f"a projection differs, p = {min(p_values)}"
        first, second = law.log_density(x), law.log_density(ours)
        error = math.sqrt(first.var() / len(first) + second.var() / len(second))
        assert abs(first.mean() - second.mean()) < 4.5 * error

    check(theirs)
    with pytest.raises(AssertionError, match="a projection differs"):
        check(theirs + 0.02)
