"""Stories told beside exact answers: each comes out in its quick form, and its verdict rejects what did not happen."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from story_checks import require_told

from reference_models.core.rng import Keys
from reference_models.oracles.optimal_discriminator import optimal_logit
from reference_models.stories import (
    argmax_collapse,
    disjoint_supports,
    likelihood_gap,
    metropolis_burn_in,
    order_of_play,
)

Numbers = dict[str, Any]
Spoil = Callable[[Numbers], object]

STORY = {
    s.STORY.name: s for s in (argmax_collapse, disjoint_supports, likelihood_gap, metropolis_burn_in, order_of_play)
}


def swapped(a: str, b: str) -> Spoil:
    """Exchange two columns: what would be measured with the models exchanged."""

    def spoil(numbers: Numbers) -> None:
        numbers[a], numbers[b] = numbers[b], numbers[a]

    return spoil


SPOILED: dict[str, list[Spoil]] = {
    "argmax_collapse": [
        swapped("frozen_slope", "learning_slope"),
        lambda n: n.update(frozen_distance=n["learning_distance"]),  # collapse to a point that is not the argmax
        lambda n: n.update(learning_slope=n["frozen_slope"]),
    ],
    "disjoint_supports": [
        lambda n: n.update(w1=n["js_critic"]),
        lambda n: n.update(js_critic=n["js_cells"]),
        swapped("saturating", "WGAN-GP critic"),
    ],
    "likelihood_gap": [
        lambda n: n.update(largest_gap=[4.61] * len(n["gap"])),
        lambda n: n.update(advantage=n["floor_high"]),
        lambda n: n.update(gap=[g + 0.5 for g in n["gap"]]),
    ],
    "metropolis_burn_in": [
        lambda n: n.update(measured=[n["without_degrees"][t] for t in n["steps"]]),
        swapped("imbalance", "imbalance_without_degrees"),
        lambda n: n.update(without_degrees=n["exact"]),
    ],
    "order_of_play": [
        swapped("leads", "follows"),
        lambda n: n.update(factor=n["factor"][::-1]),
        lambda n: n.update(dirac_r1=n["dirac_plain"]),
        lambda n: n.update(cost_of_leading_convex=n["cost_of_leading_corners"]),
    ],
}


@pytest.mark.parametrize("name", sorted(STORY))
def test_the_claim_comes_out_and_its_verdict_rejects_what_did_not_happen(name: str, tmp_path: Path) -> None:
    require_told(name, STORY[name].verdict, SPOILED[name], tmp_path)


def test_the_frozen_discriminator_is_the_optimal_one() -> None:
    x = Keys(0).normal("x", 200, 2)
    at = x.double().numpy()
    squared = np.square(at[:, None] - argmax_collapse.CENTRES.double().numpy()).sum(-1)
    shares = argmax_collapse.SHARES.double().numpy()
    p = (shares * np.exp(-squared / (2 * 0.7**2)) / (2 * np.pi * 0.7**2)).sum(1)
    log_q = -np.square(at).sum(1) / 8 - np.log(8 * np.pi)
    expected = optimal_logit(np.log(p), log_q)
    np.testing.assert_allclose(argmax_collapse.first_logit(x).numpy(), expected, atol=1e-4)
    np.testing.assert_allclose(argmax_collapse.Discriminator()(x).detach().numpy(), expected, atol=1e-4)
    start = argmax_collapse.Generator()
    assert torch.equal(start(x), 2.0 * x)
    assert argmax_collapse.slope(start, x) == pytest.approx(2 * np.sqrt(2))


def test_the_frozen_discriminator_has_one_maximum() -> None:
    ticks = torch.linspace(-4.0, 4.0, 161)

    def maxima(logit: Callable[[torch.Tensor], torch.Tensor]) -> int:
        heights = logit(torch.cartesian_prod(ticks, ticks)).reshape(1, 1, 161, 161)
        highest = torch.nn.functional.max_pool2d(heights, 3, stride=1)
        return int((heights[..., 1:-1, 1:-1] == highest).sum())

    assert maxima(argmax_collapse.first_logit) == 1
    assert maxima(lambda x: -(x[:, None] - 2 * argmax_collapse.CENTRES).norm(dim=2).amin(1)) == 3  # the count can count


def test_the_argmax_is_a_stationary_point() -> None:
    best = argmax_collapse.favourite().clone().requires_grad_(True)
    (slope,) = torch.autograd.grad(argmax_collapse.first_logit(best[None])[0], best)
    assert slope.norm() < 0.05  # within a step of the grid, .01, times a curvature of about 2
    away = (argmax_collapse.favourite() + 0.2).requires_grad_(True)
    (slope,) = torch.autograd.grad(argmax_collapse.first_logit(away[None])[0], away)
    assert slope.norm() > 0.2


def test_hills_are_drawn_by_their_shares() -> None:
    x = argmax_collapse.hills(20_000, Keys(0))
    mean = (argmax_collapse.SHARES[:, None] * argmax_collapse.CENTRES).sum(0)
    error = x.std(0) / 20_000**0.5
    assert bool(((x.mean(0) - mean).abs() < 4.5 * error).all())
    assert bool(((x.mean(0) - argmax_collapse.CENTRES.mean(0)).abs() > 4.5 * error).any())  # equal shares would differ
