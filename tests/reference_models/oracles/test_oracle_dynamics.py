"""Bilinear game and Dirac-GAN: exact factors per step, gaps, flows, and the fixes that fix nothing."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp

from gandiag.errors import ConfigError, ShapeError, UnknownName
from reference_models.oracles import bilinear_game, dirac_gan
from reference_models.oracles.bilinear_game import duality_gap, mean_matching_gap, path, turns, update_matrix

H = 0.1
CLOSED = {
    "simultaneous": math.sqrt(1 + H**2),
    "alternating": 1.0,
    "extragradient": math.sqrt(1 - H**2 + H**4),
    "implicit": 1 / math.sqrt(1 + H**2),
    "optimistic": math.sqrt((1 + math.sqrt(1 - 4 * H**2)) / 2),
}


@pytest.mark.row(84)
def test_factors_of_row_84() -> None:
    found = [bilinear_game.factor(name, H) for name in ("simultaneous", "alternating", "extragradient")]
    np.testing.assert_allclose(found, [1.0049876, 1.0, 0.9950377], atol=5e-8)
    # The implicit step is another method with nearly the same factor, told apart in the seventh digit.
    assert bilinear_game.factor("implicit", H) == pytest.approx(0.9950372, abs=5e-8)
    assert abs(bilinear_game.factor("implicit", H) - found[2]) > 4e-7


@pytest.mark.parametrize("method", CLOSED)
def test_factors_have_their_closed_form_and_drive_the_path(method: str) -> None:
    exact = CLOSED[method]
    assert bilinear_game.factor(method, H) == pytest.approx(exact, abs=1e-12)
    radii = np.linalg.norm(path(method, H, [1.0, 0.0], 2000), axis=1)
    # An orbit is an ellipse, whose radius wobbles by h / 2; the growth over many steps does not.
    assert (radii[-1] / radii[200]) ** (1 / 1800) == pytest.approx(exact, abs=1e-4)
    assert abs(bilinear_game.factor(method, 2 * H) - exact) > 1e-3 or method == "alternating"


def by_hand(method: str, x: float, y: float) -> tuple[float, float]:
    if method == "simultaneous":
        return x - H * y, y + H * x
    if method == "alternating":
        x = x - H * y
        return x, y + H * x
    if method == "extragradient":
        a, b = x - H * y, y + H * x
        return x - H * b, y + H * a
    return (x - H * y) / (1 + H**2), (y + H * x) / (1 + H**2)


@pytest.mark.parametrize("method", ["simultaneous", "alternating", "extragradient", "implicit"])
def test_updates_are_those_written_out(method: str) -> None:
    z = [0.7, -0.4]
    np.testing.assert_allclose(path(method, H, z, 1)[1], by_hand(method, *z), atol=1e-14)
    if method == "implicit":  # it solves z' = z - h J z'
        x, y = path(method, H, z, 1)[1]
        np.testing.assert_allclose([x + H * y, y - H * x], z, atol=1e-14)
    other = "alternating" if method == "simultaneous" else "simultaneous"
    assert np.abs(path(method, H, z, 1)[1] - by_hand(other, *z)).max() > 1e-3


def test_optimistic_play_is_past_extragradient() -> None:
    z = path("optimistic", H, [1.0, 0.5], 3)
    f = np.column_stack([z[:, 1], -z[:, 0]])
    np.testing.assert_allclose(z[2], z[1] - 2 * H * f[1] + H * f[0], atol=1e-14)
    np.testing.assert_allclose(z[3], z[2] - 2 * H * f[2] + H * f[1], atol=1e-14)


def test_a_matrix_game_turns_with_its_singular_values() -> None:
    a = np.random.default_rng(0).standard_normal((3, 3))
    largest = np.linalg.svd(a)[1][0]
    assert bilinear_game.factor("simultaneous", H, a) == pytest.approx(math.hypot(1, H * largest), abs=1e-12)
    assert bilinear_game.factor("alternating", H, a) == pytest.approx(1.0, abs=1e-9)


def test_turns_are_counted() -> None:
    z = path("simultaneous", H, [1.0, 0.0], 500)
    angle = np.unwrap(np.arctan2(z[:, 1], z[:, 0]))
    assert angle[-1] / (2 * math.pi) == pytest.approx(turns(H, 500), abs=1e-9)
    assert turns(H, 63) == pytest.approx(1, abs=0.01)  # 2 pi / h


@pytest.mark.row(83)
def test_the_duality_gap_is_that_of_the_corners() -> None:
    """A linear function on a box is largest at a corner: try them all."""
    rng = np.random.default_rng(1)
    a, x, y = rng.standard_normal((3, 2)), rng.uniform(-1, 1, 3), rng.uniform(-1, 1, 2)
    answers = max(x @ a @ np.array(c) for c in itertools.product((-1, 1), repeat=2))
    escapes = min(np.array(c) @ a @ y for c in itertools.product((-1, 1), repeat=3))
    assert duality_gap(x, y, a) == pytest.approx(answers - escapes, abs=1e-12)
    assert duality_gap(np.zeros(3), np.zeros(2), a) == 0.0
    euclidean = np.linalg.norm(a.T @ x) + np.linalg.norm(a @ y)  # the ball's gap, not the box's
    assert abs(euclidean - (answers - escapes)) > 0.05


def test_the_gap_tells_the_methods_apart() -> None:
    gaps = {m: [duality_gap(z[:1], z[1:]) for z in path(m, H, [0.2, 0.1], 200)[[0, -1]]] for m in bilinear_game.METHODS}
    assert gaps["simultaneous"][1] > 2 * gaps["simultaneous"][0]
    assert all(gaps[m][1] < 0.5 * gaps[m][0] for m in ("extragradient", "implicit", "optimistic"))


def test_the_gap_of_mean_matching_is_that_of_a_search() -> None:
    mean, theta, w = np.array([1.0, 0.0]), np.array([0.2, 0.5]), np.array([0.3, -0.4])
    circle = np.column_stack([np.cos(np.linspace(0, 2 * np.pi, 5001)), np.sin(np.linspace(0, 2 * np.pi, 5001))])
    searched = (circle @ (mean - theta)).max() - (-(2.0 * circle) @ w).min()
    assert mean_matching_gap(theta, w, mean, radius=2.0) == pytest.approx(searched, abs=1e-5)
    assert mean_matching_gap(mean, np.zeros(2), mean, radius=2.0) == 0.0


def torch_field(theta: float, psi: float, loss: str) -> tuple[float, float]:
    """The velocities as autograd has them, from the losses as they are written."""
    t = torch.tensor(theta, dtype=torch.float64, requires_grad=True)
    p = torch.tensor(psi, dtype=torch.float64, requires_grad=True)
    fake, real = p * t, p * 0.0
    log_s = torch.nn.functional.logsigmoid
    generator = {"saturating": log_s(-fake), "non-saturating": -log_s(fake), "wasserstein": -fake}[loss]
    judge = real - fake if loss == "wasserstein" else log_s(real) + log_s(-fake)
    return -float(torch.autograd.grad(generator, t, retain_graph=True)[0]), float(torch.autograd.grad(judge, p)[0])


@pytest.mark.parametrize("loss", dirac_gan.LOSSES)
def test_the_dirac_field_is_the_gradient_of_its_losses(loss: str) -> None:
    for theta, psi in [(0.8, -0.5), (-1.5, -2.0), (0.1, 3.0)]:
        found = dirac_gan.field(theta, psi, loss=loss)
        np.testing.assert_allclose(found, torch_field(theta, psi, loss), atol=1e-12)
    other = next(name for name in dirac_gan.LOSSES if name != loss)
    assert np.abs(np.subtract(dirac_gan.field(0.8, -0.5, loss=loss), torch_field(0.8, -0.5, other))).max() > 0.01


def test_penalties_are_gradients_of_their_formulas() -> None:
    for psi in (-1.4, -0.3, 0.2, 2.0):
        for penalty, formula in {
            "r1": lambda p: 0.5 * p**2,
            "one-centred": lambda p: 0.5 * (abs(p) - 1) ** 2,
        }.items():
            slope = (formula(psi + 1e-6) - formula(psi - 1e-6)) / 2e-6
            plain = dirac_gan.field(0.5, psi, loss="wasserstein")[1]
            found = dirac_gan.field(0.5, psi, loss="wasserstein", gamma=0.7, penalty=penalty)[1]
            assert found - plain == pytest.approx(-0.7 * slope, abs=1e-8)


@pytest.mark.parametrize("loss", dirac_gan.LOSSES)
@pytest.mark.parametrize("gamma", [0.0, 0.3, 2.5])
def test_eigenvalues_are_those_of_the_numerical_jacobian(loss: str, gamma: float) -> None:
    e = 1e-6
    columns = [
        np.subtract(dirac_gan.field(*z, loss=loss, gamma=gamma), dirac_gan.field(-z[0], -z[1], loss=loss, gamma=gamma))
        / (2 * e)
        for z in ((e, 0.0), (0.0, e))
    ]
    numerical = np.column_stack(columns)
    np.testing.assert_allclose(numerical, dirac_gan.jacobian(loss=loss, gamma=gamma), atol=1e-6)
    found = sorted(dirac_gan.eigenvalues(loss=loss, gamma=gamma), key=lambda v: (v.real, v.imag))
    np.testing.assert_allclose(found, sorted(np.linalg.eigvals(numerical), key=lambda v: (v.real, v.imag)), atol=1e-5)
    # Only the penalty makes real parts negative.
    assert (max(v.real for v in found) < -1e-9) == (gamma > 0)


@pytest.mark.row(84)
def test_steps_diverge_without_a_penalty_and_converge_with_r1() -> None:
    assert dirac_gan.factor(0.2, loss="saturating") == pytest.approx(1.0049876, abs=5e-8)
    assert dirac_gan.factor(0.2, loss="non-saturating") == pytest.approx(1.0049876, abs=5e-8)
    assert dirac_gan.factor(0.2, loss="saturating", alternating=True) == pytest.approx(1.0, abs=1e-12)
    near = [1e-3, 0.0]
    for loss in dirac_gan.LOSSES:
        free = np.linalg.norm(dirac_gan.path(near, 0.2, 200, loss=loss), axis=1)
        assert free[-1] / free[0] == pytest.approx(dirac_gan.factor(0.2, loss=loss) ** 200, rel=1e-3)
        tamed = dirac_gan.path([1.0, 1.0], 0.2, 600, loss=loss, gamma=0.5)
        assert np.linalg.norm(tamed[-1]) < 1e-3
        # The penalty of WGAN-GP is a penalty too, and does not help.
        centred = dirac_gan.path([1.0, 1.0], 0.2, 600, loss=loss, gamma=0.5, penalty="one-centred")
        assert np.linalg.norm(centred[-100:], axis=1).min() > 0.05


@pytest.mark.parametrize("gamma", [0.2, 1.5, 6.0])
def test_the_largest_step_is_where_convergence_ends(gamma: float) -> None:
    edge = dirac_gan.largest_step(loss="wasserstein", gamma=gamma)
    assert dirac_gan.factor(0.99 * edge, loss="wasserstein", gamma=gamma) < 1
    assert dirac_gan.factor(1.01 * edge, loss="wasserstein", gamma=gamma) > 1


def flow(loss: str, seconds: float) -> np.ndarray:
    found = solve_ivp(
        lambda _, z: dirac_gan.field(z[0], z[1], loss=loss), (0, seconds), [1.5, 1.0], rtol=1e-10, atol=1e-12
    )
    return np.linalg.norm(found.y, axis=0)


def test_the_flow_circles_or_creeps_in() -> None:
    for loss in ("saturating", "wasserstein"):
        np.testing.assert_allclose(flow(loss, 100.0), math.hypot(1.5, 1.0), rtol=1e-7)
    radius = flow("non-saturating", 400.0)
    assert (np.diff(radius) < 1e-12).all()
    # Averaged over a turn d(r^2)/dt = -r^4 / 8, so r^2 t tends to 8: no exponential does that.
    assert radius[-1] ** 2 * 400 == pytest.approx(8, rel=0.1)
    assert radius[-1] < 0.2


@pytest.mark.parametrize("start", [1.2, 0.1])
def test_steps_of_the_non_saturating_loss_end_on_a_circle(start: float) -> None:
    """From outside and from inside, at r = sqrt(2 h) to first order in h; the saturating loss leaves any circle."""
    h = 0.1
    radius = np.linalg.norm(dirac_gan.path([start, 0.0], h, 20_000, loss="non-saturating"), axis=1)[-200:]
    assert np.abs(radius / math.sqrt(2 * h) - 1).max() < 0.01
    assert np.linalg.norm(dirac_gan.path([0.1, 0.0], h, 20_000, loss="saturating")[-1]) > 2


def test_what_is_unknown_is_refused() -> None:
    with pytest.raises(UnknownName, match="method must be known"):
        update_matrix("sequential", H)
    with pytest.raises(ConfigError, match="above 0"):
        update_matrix("implicit", 0.0)
    with pytest.raises(ShapeError, match=r"shape \(2,\)"):
        path("implicit", H, [1.0], 1)
    with pytest.raises(ShapeError, match="fit the matrix"):
        duality_gap([1.0], [1.0, 1.0])
    with pytest.raises(ShapeError, match="must be a matrix"):
        update_matrix("implicit", H, [1.0])
    with pytest.raises(UnknownName, match="must be known"):
        dirac_gan.field(1.0, 1.0, loss="minimax")
    with pytest.raises(ConfigError, match="at least 0"):
        dirac_gan.jacobian(loss="saturating", gamma=-1.0)
