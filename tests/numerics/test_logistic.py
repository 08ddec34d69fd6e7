"""One logistic regression wherever it is fitted: the optimum, scikit-learn's, and the device's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.special import expit

from gandiag.numerics import logistic
from gandiag.numerics.critics import held_out_critics
from gandiag.numerics.logistic import fit_logistic

Matrix = NDArray[np.float64]
Labels = NDArray[np.bool_]

needs_a_card = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
DEVICES = [None, "cpu", pytest.param("cuda", marks=[pytest.mark.cuda, needs_a_card])]


def gaussians(n: int, d: int, seed: int) -> tuple[Matrix, Labels]:
    rng = np.random.default_rng(seed)
    labels = rng.random(n) < 0.4
    return rng.normal(size=(n, d)) + 0.5 * labels[:, None], labels


def slope_of_the_loss(rows: Matrix, labels: Labels, weights: Matrix, intercept: float, penalty: float) -> Matrix:
    pull = (expit(rows @ weights + intercept) - labels) / len(rows)
    return np.append(rows.T @ pull + penalty * weights / len(rows), pull.sum())


@pytest.mark.parametrize("device", DEVICES)
def test_the_penalised_loss_is_flat_where_the_fit_ends_and_no_other_loss_is(device: str | None) -> None:
    rows, labels = gaussians(300, 5, 0)
    weights, intercept, converged = fit_logistic(rows, labels, device)
    assert converged
    assert np.abs(slope_of_the_loss(rows, labels, weights, intercept, 1.0)).max() <= 1e-4  # the stopping rule
    for penalty in (0.0, 2.0):
        assert np.abs(slope_of_the_loss(rows, labels, weights, intercept, penalty)).max() > 5e-4


@pytest.mark.parametrize(("n", "d"), [(300, 5), (60, 200)])
def test_the_device_ends_where_scikit_learn_does(n: int, d: int) -> None:
    rows, labels = gaussians(n, d, 1)
    (host, b, _), (there, c, _) = fit_logistic(rows, labels), fit_logistic(rows, labels, "cpu")
    np.testing.assert_allclose(there, host, rtol=1e-8, atol=1e-10)
    assert c == pytest.approx(b, rel=1e-8, abs=1e-10)
    swapped, _, _ = fit_logistic(rows, ~labels, "cpu")
    assert np.abs(swapped - host).max() > 0.1


@pytest.mark.cuda
@needs_a_card
def test_a_card_gives_the_critics_of_the_host() -> None:
    rng = np.random.default_rng(2)
    real, fake = rng.normal(size=(400, 50)), rng.normal(0.2, 1.0, size=(400, 50))
    host, card = (held_out_critics(real, fake, np.random.default_rng(3), device) for device in (None, "cuda"))
    assert card.chosen == host.chosen
    for name, critic in card.critics.items():
        np.testing.assert_allclose(critic.scores, host.critics[name].scores, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("device", [None, "cpu"])
def test_a_fit_that_ran_out_of_steps_says_so(device: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    rows, labels = gaussians(300, 5, 0)
    monkeypatch.setattr(logistic, "_MOST_ITERATIONS", 1)
    assert not fit_logistic(rows, labels, device)[2]


def test_rows_that_no_tensor_may_share_are_copied() -> None:
    rows, labels = gaussians(40, 3, 4)
    backwards = rows[:, ::-1]
    turned, _, _ = fit_logistic(backwards, labels, "cpu")
    np.testing.assert_allclose(turned[::-1], fit_logistic(rows, labels, "cpu")[0], rtol=1e-6)
