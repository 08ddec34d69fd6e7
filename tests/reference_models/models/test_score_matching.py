"""Score matching against scores in closed form."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

import gandiag
from gandiag.core.specs import DATASETS
from gandiag.errors import ConfigError
from reference_models.core.rng import Keys
from reference_models.core.running import begin, train
from reference_models.models import score_matching
from reference_models.models.score_matching import ScoreMatchingConfig, ScoreNet, denoising, implicit, sliced

MIXTURE = {"dim": 2, "k": 3, "separation": 3}


class Linear:
    """The scores of Gaussians, ``psi(x) = -P (x - m)``, with free parameters."""

    def __init__(self, size: int) -> None:
        keys = Keys(11)
        self.P = (torch.eye(size) + 0.3 * keys.normal("P", size, size)).double().requires_grad_(True)
        self.m = keys.normal("m", size).double().requires_grad_(True)

    def __call__(self, x: Tensor, s: Tensor | None = None) -> Tensor:
        return -(x - self.m) @ self.P.T

    def fit(self, loss: Callable[[], Tensor]) -> None:
        optimizer = torch.optim.LBFGS(
            [self.P, self.m], max_iter=200, tolerance_grad=1e-12, tolerance_change=1e-15, line_search_fn="strong_wolfe"
        )

        def closure() -> Tensor:
            optimizer.zero_grad()
            value = loss()
            value.backward()
            return value

        optimizer.step(closure)


def gaussian_rows(n: int = 2000) -> Tensor:
    mix = torch.tensor([[1.0, 0.4, 0.0], [0.0, 0.7, -0.3], [0.0, 0.0, 1.5]]).double()
    return Keys(2).normal("x", n, 3).double() @ mix + torch.tensor([1.0, -2.0, 0.5]).double()


def moments(x: Tensor) -> tuple[Tensor, Tensor]:
    return x.mean(dim=0), torch.linalg.inv(torch.cov(x.T, correction=0))


def without_trace(psi: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    return 0.5 * psi(x).square().sum(dim=1).mean()


def test_on_gaussians_the_minimiser_is_the_maximum_of_likelihood() -> None:
    x = gaussian_rows()
    mean, precision = moments(x)
    model = Linear(3)
    model.fit(lambda: implicit(model, x))
    torch.testing.assert_close(model.m.detach(), mean, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(model.P.detach(), precision, atol=1e-5, rtol=1e-5)
    # Without the trace the best score is none at all.
    broken = Linear(3)
    broken.fit(lambda: without_trace(broken, x))
    assert float(broken.P.detach().norm()) < 0.05 * float(precision.norm())


def test_slices_find_the_same_within_five_percent() -> None:
    x = gaussian_rows()
    mean, precision = moments(x)
    signs = 2.0 * Keys(3).integers("u", 2, 8, *x.shape).double() - 1
    model = Linear(3)
    model.fit(lambda: sliced(model, x, signs))
    assert float((model.P.detach() - precision).norm() / precision.norm()) < 0.05
    assert float((model.m.detach() - mean).norm() / mean.norm()) < 0.05
    # Directions of twice the variance double the trace, and with it the precision.
    model.fit(lambda: sliced(model, x, math.sqrt(2) * signs))
    assert float((model.P.detach() - precision).norm() / precision.norm()) > 0.5


def test_slices_average_to_the_trace() -> None:
    psi, x = _curved(3), Keys(4).normal("x", 50, 3).double()
    units = math.sqrt(3) * torch.eye(3).double()[:, None, :].expand(3, 50, 3)  # an exact set of directions
    torch.testing.assert_close(sliced(psi, x, units), implicit(psi, x))
    with pytest.raises(AssertionError, match="not close"):
        torch.testing.assert_close(sliced(psi, x, units[:1]), implicit(psi, x))


def _curved(size: int) -> Callable[[Tensor], Tensor]:
    w = Keys(5).normal("w", size, size).double()
    return lambda x: torch.sin(x @ w) - x


def test_the_trace_is_that_of_the_jacobian() -> None:
    psi, x = _curved(4), Keys(6).normal("x", 9, 4).double()
    jacobians = [torch.autograd.functional.jacobian(lambda row: psi(row[None])[0], row) for row in x]
    trace = torch.stack([j.diagonal().sum() for j in jacobians])
    exact = (trace + 0.5 * psi(x).square().sum(dim=1)).mean()
    torch.testing.assert_close(implicit(psi, x).detach(), exact)
    with pytest.raises(AssertionError, match="not close"):
        torch.testing.assert_close((-trace + 0.5 * psi(x).square().sum(dim=1)).mean(), exact)


def blurred(x: Tensor, s: float) -> tuple[Tensor, Tensor]:
    """Every row with noise at the points +-sqrt(d) e_i, which stand for N(0, I) exactly in quadratic functions."""
    d = x.shape[1]
    nodes = math.sqrt(d) * torch.cat([torch.eye(d), -torch.eye(d)]).double()
    return x.repeat_interleave(2 * d, dim=0), nodes.repeat(len(x), 1)


def test_denoising_is_implicit_matching_of_blurred_data_but_for_a_constant() -> None:
    """On linear scores: denoising / s^2 - implicit(blurred) = d / (2 s^2), whatever the parameters."""
    x, s = gaussian_rows(40), 0.6
    rows, noise = blurred(x, s)
    level = torch.full((len(rows),), s, dtype=torch.float64)
    for seed in range(3):
        model = Linear(3)
        with torch.no_grad():
            model.P += Keys(seed).normal("more", 3, 3).double()
        one = denoising(model, rows, noise, level) / s**2
        other = implicit(model, rows + s * noise)
        assert float(one.detach()) == pytest.approx(float(other.detach()) + 3 / (2 * s**2), abs=1e-10)
        grads = [torch.autograd.grad(loss, [model.P, model.m]) for loss in (one, other)]
        for a, b in zip(*grads, strict=True):
            torch.testing.assert_close(a, b)
        # The target is -n / s: with the sign turned round the gradients part.
        turned = 0.5 * (s * model(rows + s * noise) - noise).square().sum(dim=1).mean() / s**2
        (wrong, _) = torch.autograd.grad(turned, [model.P, model.m])
        assert float((wrong - grads[1][0]).norm()) > 0.1


def test_denoising_learns_the_blurred_law() -> None:
    x, s = gaussian_rows(200), 0.8
    rows, noise = blurred(x, s)
    level = torch.full((len(rows),), s, dtype=torch.float64)
    model = Linear(3)
    model.fit(lambda: denoising(model, rows, noise, level))
    mean, precision = moments(x)
    smooth = torch.linalg.inv(torch.linalg.inv(precision) + s**2 * torch.eye(3).double())
    torch.testing.assert_close(model.P.detach(), smooth, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(model.m.detach(), mean, atol=1e-5, rtol=1e-5)
    assert float((model.P.detach() - precision).norm() / precision.norm()) > 0.2


def test_the_loss_is_blind_to_the_shares_of_modes_that_lie_apart() -> None:
    """Fisher divergence of .9/.1 from .5/.5, by quadrature: nothing, while the KL divergence is that of two coins."""
    kl_of_coins = 0.9 * math.log(0.9 / 0.5) + 0.1 * math.log(0.1 / 0.5)
    fisher, kl = zip(*(_divergences(apart) for apart in (2.0, 6.0, 12.0)), strict=True)
    assert fisher[0] > 0.02
    assert fisher[2] < 1e-4 < 0.3 < kl[2]
    assert fisher[0] > fisher[1] > fisher[2]
    assert kl[2] == pytest.approx(kl_of_coins, abs=1e-6)


def _divergences(apart: float) -> tuple[float, float]:
    x = torch.linspace(-apart / 2 - 10, apart / 2 + 10, 40_001, dtype=torch.float64)
    logs = []
    for share in (0.9, 0.5):
        parts = torch.stack(
            [-0.5 * (x + apart / 2) ** 2 + math.log(share), -0.5 * (x - apart / 2) ** 2 + math.log1p(-share)]
        )
        logs.append(torch.logsumexp(parts, 0) - 0.5 * math.log(2 * math.pi))
    p, step = logs[0].exp(), float(x[1] - x[0])
    score = [torch.gradient(log, spacing=step)[0] for log in logs]
    fisher = float((p * (score[0] - score[1]) ** 2).sum()) * step
    return fisher, float((p * (logs[0] - logs[1])).sum()) * step


def test_the_walk_settles_where_its_step_size_says() -> None:
    variance, step = 0.5, 0.8
    walked = score_matching.langevin(lambda x: -x / variance, torch.zeros(40_000, 1), 60, step, Keys(1))
    biased = variance / (1 - step / (4 * variance))
    error = math.sqrt(2 / 40_000)
    assert float(walked.var()) == pytest.approx(biased, rel=4 * error)
    assert float(walked.var()) != pytest.approx(variance, rel=4 * error)


def test_an_energy_gives_its_own_gradient() -> None:
    config = ScoreMatchingConfig(network="energy", hidden=(8,))
    net = ScoreNet(config, 3).double()
    x, s = Keys(1).normal("x", 5, 3).double(), torch.full((5,), 0.5, dtype=torch.float64)
    step = 1e-6
    with torch.no_grad():
        found = net(x, s)
        logs = s.log()[:, None]
        for i in range(3):
            move = torch.zeros(3, dtype=torch.float64)
            move[i] = step
            up, down = (net.net(torch.cat([x + d, logs], dim=1))[:, 0] for d in (move, -move))
            torch.testing.assert_close(found[:, i], -(up - down) / (2 * step) / s, atol=1e-7, rtol=1e-6)


def test_an_energy_of_rectifiers_loses_its_trace_and_is_refused() -> None:
    keep = ScoreMatchingConfig(network="energy", hidden=(16,))
    nets = {"softplus": ScoreNet(keep, 2)}
    nets["relu"] = ScoreNet(keep, 2)
    nets["relu"].net[1] = torch.nn.ReLU()
    x = Keys(1).normal("x", 100, 2)
    traces = {}
    for name, net in nets.items():
        value = net(x, torch.ones(100))
        traces[name] = float(
            (
                implicit(lambda at, net=net: net(at, torch.ones(len(at))), x) - 0.5 * value.square().sum(dim=1).mean()
            ).detach()
        )
    assert traces["relu"] == pytest.approx(0, abs=1e-6)
    assert abs(traces["softplus"]) > 1e-3
    with pytest.raises(ConfigError, match="must have a second derivative"):
        begin("score_matching", "smoke", network="energy", activation="relu", device="cpu")


def test_long_traces_are_refused() -> None:
    with pytest.raises(ConfigError, match="one backward pass per column"):
        begin("score_matching", "cpu-digits", objective="implicit", device="cpu")


@pytest.mark.parametrize("objective", ["implicit", "sliced", "denoising"])
@pytest.mark.parametrize("network", ["score", "energy"])
def test_every_objective_trains_and_samples(objective: str, network: str) -> None:
    run = train("score_matching", "smoke", objective=objective, network=network, steps=3, device="cpu")
    x = run.model.sample(7, Keys(1))
    assert x.shape == (7, 2)
    assert bool(x.isfinite().all())
    assert run.model.score(x).shape == (7, 2)


def test_levels_go_from_the_widest_to_the_finest_in_equal_ratios() -> None:
    model = begin("score_matching", "cpu-ring8", device="cpu").model
    assert float(model.levels[0]) == pytest.approx(2.0)
    assert float(model.levels[-1]) == pytest.approx(0.02)
    ratios = model.levels[1:] / model.levels[:-1]
    torch.testing.assert_close(ratios, ratios[:1].expand(9))


def mixture_score(x: np.ndarray) -> np.ndarray:
    """Score of the mixture: the modes' own, weighted by the chances that x is of each."""
    law = DATASETS.get("mixture").open(**MIXTURE)
    logs = np.log(law.weights) - 0.5 * np.square(x[:, None] - law.centres[None]).sum(axis=2)
    chances = np.exp(logs - logs.max(axis=1, keepdims=True))
    chances /= chances.sum(axis=1, keepdims=True)
    return np.einsum("nk,nkd->nd", chances, law.centres[None] - x[:, None])


def test_the_exact_score_is_the_gradient_of_the_log_density() -> None:
    law = DATASETS.get("mixture").open(**MIXTURE)
    x = np.array(law.sample(20, rng=np.random.default_rng(0)).values)
    for i in range(2):
        move = 1e-5 * np.eye(2)[i]
        slope = (law.log_density(x + move) - law.log_density(x - move)) / 2e-5
        np.testing.assert_allclose(mixture_score(x)[:, i], slope, atol=1e-6)


@pytest.mark.slow
def test_the_score_of_a_mixture_is_learnt_and_its_walk_is_not_told_from_it() -> None:
    run = train("score_matching", "cpu", device="cpu")
    law = DATASETS.get("mixture").open(**MIXTURE)
    x = np.array(law.sample(20_000, rng=np.random.default_rng(5)).values)
    logs = law.log_density(x)
    x = x[logs > np.quantile(logs, 0.01)]
    assert run.average is not None
    with run.average.applied(), torch.no_grad():
        learnt = run.model.score(torch.tensor(x, dtype=torch.float32)).numpy()
        drawn = run.model.sample(1000, Keys(3)).double().numpy()
    fisher = np.square(learnt - mixture_score(x)).sum(axis=1).mean()
    assert fisher <= 0.05  # .045 was seen after half of the steps
    # One Gaussian with the data's moments must miss the bar.
    plain = -(x - x.mean(axis=0)) @ np.linalg.inv(np.cov(x.T))
    assert np.square(plain - mixture_score(x)).sum(axis=1).mean() > 0.2
    report = gandiag.score("toy:mixture?dim=2&k=3&separation=3", drawn, metrics=["c2st", "mode_coverage"], seed=0)
    assert report["mode_coverage"].estimate == 1
    c2st = report["c2st"]
    assert c2st.p_value is not None
    assert c2st.p_value.value > 0.01
