"""The duality gap: exact on bilinear games, a bound on each side for networks; originals are never touched."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
import torch
from torch import nn

from gandiag.errors import ConfigError, SamplerError, ShapeError
from gandiag.monitor import bilinear_gap, duality_gap


@pytest.mark.row(83)
def test_the_gap_on_the_box_is_exact() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        a, x, y = rng.normal(size=(3, 4)), rng.uniform(-1, 1, 3), rng.uniform(-1, 1, 4)
        # Best responses sit in corners: all 2^4 and 2^3 of them, one by one.
        corners = [np.array(np.meshgrid(*[[-1.0, 1.0]] * k)).reshape(k, -1) for k in (4, 3)]
        by_hand = float((x @ a @ corners[0]).max() - (corners[1].T @ a @ y).min())
        gap = bilinear_gap(a, x, y)
        assert gap == pytest.approx(by_hand, abs=1e-12)
        assert gap == pytest.approx(np.abs(a.T @ x).sum() + np.abs(a @ y).sum(), abs=1e-12)
        assert gap > 0.0
    assert bilinear_gap(rng.normal(size=(3, 4)), np.zeros(3), np.zeros(4)) == 0.0


def test_the_gap_of_mixed_strategies_is_0_at_the_equilibrium_only() -> None:
    rock = [[0, -1, 1], [1, 0, -1], [-1, 1, 0]]
    third = [1 / 3] * 3
    assert bilinear_gap(rock, third, third, strategies="simplex") == pytest.approx(0.0, abs=1e-12)
    assert bilinear_gap(rock, [1, 0, 0], [1, 0, 0], strategies="simplex") == 2.0
    assert bilinear_gap([[3, -1], [-2, 1]], [3 / 7, 4 / 7], [2 / 7, 5 / 7], strategies="simplex") < 1e-12


def test_strategies_outside_the_game_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"`x` must lie in \[-1, 1\]"):
        bilinear_gap([[1.0]], [1.5], [0.0])
    with pytest.raises(ConfigError, match="`y` must be at least 0 with sum 1"):
        bilinear_gap([[1.0, 2.0]], [1.0], [0.7, 0.7], strategies="simplex")
    with pytest.raises(ShapeError, match="one number per row and per column"):
        bilinear_gap([[1.0, 2.0]], [1.0], [0.5])
    with pytest.raises(ConfigError, match="`strategies` must be one of"):
        bilinear_gap([[1.0]], [1.0], [1.0], strategies="ball")  # type: ignore[arg-type]


class Shift(nn.Module):
    """G(z) = z + mu."""

    def __init__(self, mu: float) -> None:
        super().__init__()
        self.mu = nn.Parameter(torch.tensor([mu]))

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return z + self.mu


class Line(nn.Module):
    """D(x) = w x + b, which holds the optimal discriminator of two unit Gaussians."""

    def __init__(self, w: float = 0.0, b: float = 0.0) -> None:
        super().__init__()
        self.w, self.b = nn.Parameter(torch.tensor([w])), nn.Parameter(torch.tensor([b]))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.w * x + self.b


REAL = torch.from_numpy(np.random.default_rng(0).normal(size=(4000, 1))).float()


def jsd_of_shift(mu: float) -> float:
    """Compute the Jensen-Shannon divergence of N(0, 1) and N(mu, 1) by a fine sum, in nats."""
    x = np.linspace(-12.0, 12.0 + mu, 200_001)
    p, q = (np.exp(-0.5 * (x - m) ** 2) / math.sqrt(2.0 * math.pi) for m in (0.0, mu))
    mid = 0.5 * (p + q)
    return float(0.5 * (p * np.log(p / mid) + q * np.log(q / mid)).sum() * (x[1] - x[0]))


def test_at_equilibrium_the_gap_is_0() -> None:
    found = duality_gap(Shift(0.0), Line(), REAL, latent=1, steps=60, lr=1e-2)
    assert found.value == pytest.approx(-math.log(4.0), abs=1e-6)
    assert abs(found.gap) < 4 * found.error + 0.01


def test_the_worst_case_is_twice_the_divergence_and_no_more() -> None:
    """max_D V(G, D) = 2 JSD - log 4 (Goodfellow et al. 2014), which logits linear in x attain here."""
    mu = 2.0
    found = duality_gap(Shift(mu), Line(), REAL, latent=1, steps=200, lr=0.05)
    exact = 2.0 * jsd_of_shift(mu) - math.log(4.0)
    assert found.worst == pytest.approx(exact, abs=4 * found.error + 0.005)
    assert found.best == pytest.approx(-math.log(4.0), abs=1e-6)  # against a blind D nothing can be won
    assert found.gap > 0.5
    few = duality_gap(Shift(mu), Line(), REAL, latent=1, steps=4, lr=0.05)
    assert few.gap < found.gap  # a bounded search finds less: a lower bound
    assert found.half <= found.gap + 4 * found.error
    assert "lower bound" in found.note


def test_the_generators_answer_is_counted() -> None:
    # D says "real" for large x: the generator can win by moving there.
    found = duality_gap(Shift(0.0), Line(2.0, -2.0), REAL, latent=1, steps=100, lr=0.05)
    assert found.best < found.value - 0.5


def test_a_clipped_critic_has_a_wasserstein_gap() -> None:
    # D(x) = w x with |w| <= 1: max_w w (mean x - mean G) = mu; the generator's answer to w = 0 gains nothing.
    found = duality_gap(Shift(1.5), Line(), REAL, latent=1, game="wgan", clip=1.0, steps=80, lr=0.05)
    assert found.worst == pytest.approx(1.5, abs=4 * found.error)
    assert found.gap == pytest.approx(1.5, abs=4 * found.error)


def test_nothing_is_touched_and_the_answer_repeats() -> None:
    g, d = (
        nn.Sequential(Shift(1.0), nn.BatchNorm1d(1), nn.Dropout(0.1)),
        nn.Sequential(nn.Linear(1, 4), nn.Dropout(0.1), nn.Linear(4, 1)),
    )
    g(torch.randn(8, 1)).sum().backward()
    before = copy.deepcopy((g.state_dict(), d.state_dict()))
    grads = [None if p.grad is None else p.grad.clone() for p in (*g.parameters(), *d.parameters())]
    state = torch.get_rng_state()
    first = duality_gap(g, d, REAL[:200].numpy(), latent=(1,), steps=5, seed=3)
    assert torch.equal(torch.get_rng_state(), state)
    assert g.training
    assert d.training
    for old, new in zip(before, (g.state_dict(), d.state_dict()), strict=True):
        assert all(torch.equal(old[key], new[key]) for key in old)
    for old, p in zip(grads, (*g.parameters(), *d.parameters()), strict=True):
        assert (p.grad is None) if old is None else torch.equal(p.grad, old)
    torch.randn(5)
    assert duality_gap(g, d, REAL[:200].numpy(), latent=(1,), steps=5, seed=3) == first
    assert duality_gap(g, d, REAL[:200].numpy(), latent=(1,), steps=5, seed=4) != first


def test_a_search_without_a_bound_is_refused() -> None:
    with pytest.raises(ConfigError, match="best response only among bounded critics"):
        duality_gap(Shift(0.0), Line(), REAL, latent=1, game="wgan")
    with pytest.raises(ConfigError, match="at least 2 steps"):
        duality_gap(Shift(0.0), Line(), REAL, latent=1, steps=1)
    with pytest.raises(ConfigError, match="at least 8 rows"):
        duality_gap(Shift(0.0), Line(), REAL[:4], latent=1)
    with pytest.raises(SamplerError, match="one number per row"):
        duality_gap(Shift(0.0), nn.Linear(1, 2), REAL[:40], latent=1)
