from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from gandiag.numerics.clusters import LEVEL, ModeModel, _whitener, fit_modes, known_modes, whole_mode

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Mixture:
    centres: Matrix
    covariances: Matrix
    weights: Matrix


def mixture(d: int, k: int = 3) -> Mixture:
    rng = np.random.default_rng(d)
    shapes = rng.normal(size=(k, d, d)) / np.sqrt(d) + np.eye(d)
    return Mixture(40.0 * rng.normal(size=(k, d)), shapes @ shapes.transpose(0, 2, 1), np.full(k, 1 / k))


def draws(law: Mixture, n: int, rng: np.random.Generator) -> tuple[Matrix, NDArray[np.int64]]:
    modes = rng.integers(len(law.centres), size=n)
    noise = np.einsum(
        "nij,nj->ni", np.linalg.cholesky(law.covariances)[modes], rng.normal(size=(n, len(law.centres[0])))
    )
    return law.centres[modes] + noise, modes


@pytest.mark.parametrize("d", [1, 2, 10, 64])
def test_a_perfect_sampler_is_of_high_quality_at_the_level_in_every_dimension(d: int) -> None:
    law = mixture(d)
    model = known_modes(law.centres, law.covariances, law.weights)
    rows, truth = draws(law, 20_000, np.random.default_rng(0))
    modes, reach = model.assign(rows)
    np.testing.assert_array_equal(modes, truth)
    # Four standard errors of a share of .989 among 20 000 rows.
    assert np.mean(reach <= 1.0) == pytest.approx(LEVEL, abs=0.003)


@pytest.mark.parametrize(("d", "share"), [(1, 0.997300), (2, 0.988891), (10, 0.467896), (700, 0.0)])
def test_three_sigma_is_another_level_in_every_dimension(d: int, share: float) -> None:
    assert stats.chi2(d).cdf(9.0) == pytest.approx(share, abs=1e-6)
    model = known_modes(np.zeros((1, d)), np.eye(d)[None], np.ones(1))
    assert stats.chi2(d).cdf(model.radii[0] ** 2) == pytest.approx(LEVEL, abs=1e-9)


def test_known_point_masses_hold_their_own_rows_only() -> None:
    model = known_modes(np.eye(3), np.zeros((3, 3, 3)), np.full(3, 1 / 3))
    modes, reach = model.assign(np.concatenate([np.eye(3), np.eye(3) + 0.01]))
    assert modes[:3].tolist() == [0, 1, 2]
    assert (reach[:3] <= 1.0).all()
    assert (reach[3:] > 1.0).all()


def check_calibrated(share: float) -> None:
    # The radius comes from some 400 held-out rows: sd of its level about .005, of the share of 4000 fresh rows .002.
    assert 0.97 <= share <= 1.0


@pytest.mark.parametrize("labelled", [True, False])
def test_estimated_modes_hold_fresh_rows_at_the_level(labelled: bool) -> None:
    law = mixture(64, k=10)
    rng = np.random.default_rng(1)
    rows, truth = draws(law, 400, rng)
    model = fit_modes(rows, labels=truth if labelled else None, rng=rng)
    fresh, fresh_truth = draws(law, 4000, rng)
    modes, reach = model.assign(fresh)
    check_calibrated(float(np.mean(reach <= 1.0)))
    if labelled:
        np.testing.assert_array_equal(modes, fresh_truth)
    # Radii from the very rows that the covariances were fitted on would leave fresh rows outside.
    own_modes, own = model.assign(rows)
    naive = np.quantile(own * model.radii[own_modes], LEVEL)
    with pytest.raises(AssertionError, match=r"<= 0\.51"):
        check_calibrated(float(np.mean(reach * model.radii[modes] <= naive)))


def test_sources_are_preferred_in_their_order() -> None:
    law = mixture(2)
    rng = np.random.default_rng(2)
    rows, truth = draws(law, 300, rng)
    assert fit_modes(rows, labels=truth, known=law, rng=rng).kind == "known"
    assert fit_modes(rows, labels=truth + 4, rng=rng).names == ("class 4", "class 5", "class 6")
    clusters = fit_modes(rows, rng=rng)
    assert (clusters.kind, len(clusters)) == ("clusters", 3)
    assert fit_modes(rows[truth == 0], rng=rng).kind == "cells"
    assert fit_modes(rows, labels=np.zeros(300, dtype=np.int64), rng=rng).kind == "clusters"
    assert whole_mode(rows, rng=rng).names == ("all",)


def digits() -> tuple[Matrix, NDArray[np.int64]]:
    from sklearn.datasets import load_digits

    values, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(3).permutation(len(values))
    values, labels = values[order], labels[order]
    scale = values[:900].std(axis=0)
    return (values - values[:900].mean(axis=0)) / np.where(scale > 0, scale, 1.0), labels


def check_accurate(error: float) -> None:
    assert error <= 0.04


def test_digits_are_classified_by_the_modes_of_their_classes() -> None:
    rows, labels = digits()
    model = fit_modes(rows[:900], labels=labels[:900], rng=np.random.default_rng(0))
    modes, reach = model.assign(rows[900:])
    assert model.classes is not None
    check_accurate(float(np.mean(model.classes[modes] != labels[900:])))
    check_calibrated(float(np.mean(reach <= 1.0)))
    nearest_mean = np.square(rows[900:, None] - model.centres[None]).sum(axis=2).argmin(axis=1)
    with pytest.raises(AssertionError, match=r"<= 0\.04"):
        check_accurate(float(np.mean(nearest_mean != labels[900:])))


def fitted(rows: Matrix, labels: NDArray[np.int64] | None = None) -> ModeModel:
    return fit_modes(rows, labels=labels, rng=np.random.default_rng(5))


@pytest.mark.parametrize("labelled", [True, False])
@pytest.mark.parametrize("factor", [1e-8, 8.0, 1e120])
def test_assignments_do_not_depend_on_the_unit(labelled: bool, factor: float) -> None:
    rows, truth = draws(mixture(3), 200, np.random.default_rng(4))
    labels = truth if labelled else None
    modes, reach = fitted(rows, labels).assign(rows)
    scaled_modes, scaled_reach = fitted(factor * rows, labels).assign(factor * rows)
    np.testing.assert_array_equal(scaled_modes, modes)
    np.testing.assert_allclose(scaled_reach, reach, rtol=1e-5)


def test_many_modes_share_one_shape() -> None:
    rng = np.random.default_rng(6)
    truth = np.repeat(np.arange(1100), 4)
    centres = 30.0 * rng.normal(size=(1100, 40))
    model = fitted(centres[truth] + rng.normal(size=(4400, 40)), truth)
    assert model.whiteners.shape == (1, 40, 40)
    fresh = centres + rng.normal(size=(1100, 40))
    modes, reach = model.assign(fresh)
    assert np.mean(modes == np.arange(1100)) == 1.0
    assert np.mean(reach <= 1.0) > 0.95


@pytest.mark.parametrize("rows", [np.zeros((1, 2)), np.ones((30, 3)), np.eye(20)[:5], np.arange(9.0)[:, None]])
def test_degenerate_rows_give_finite_modes(rows: Matrix) -> None:
    for model in (fitted(rows), whole_mode(rows, rng=np.random.default_rng(0))):
        modes, reach = model.assign(np.concatenate([rows, rows + 1.0]))
        assert np.isfinite(reach).all()
        assert (modes < len(model)).all()


def test_a_class_with_a_single_row_is_a_mode() -> None:
    rng = np.random.default_rng(7)
    rows = np.concatenate([rng.normal(size=(50, 2)), [[40.0, 0.0]]])
    model = fitted(rows, np.repeat([0, 1], [50, 1]))
    assert model.assign(rows)[0].tolist() == [0] * 50 + [1]


@pytest.mark.parametrize("sphere", [0.0, 0.1])
def test_rows_are_brought_to_unit_covariance_with_and_without_a_floor_in_reach(sphere: float) -> None:
    rng = np.random.default_rng(8)
    root = rng.normal(size=(30, 30)) * np.geomspace(0.05, 20.0, 30)
    covariance = root.T @ root
    covariance += sphere * np.trace(covariance) / 30 * np.eye(30)
    whitener, log_det = _whitener(covariance, 1e-15, sphere)
    np.testing.assert_allclose(whitener.T @ covariance @ whitener, np.eye(30), atol=1e-7)
    np.testing.assert_allclose(whitener @ whitener.T @ covariance, np.eye(30), atol=1e-6)
    assert log_det == pytest.approx(np.linalg.slogdet(covariance)[1], rel=1e-9)


def test_no_direction_is_flatter_than_the_floor() -> None:
    flat = np.diag([1.0, 0.0])
    for sphere in (0.0, 1e-9):  # the floor is in reach of both
        whitener, log_det = _whitener(flat, 1e-6, sphere)
        assert np.abs(whitener).max() == pytest.approx(1e3)
        assert log_det == pytest.approx(np.log(1e-6))
