"""Looking ahead keeps the modes: a GAN with and without five steps of the discriminator in its generator's loss.

Eight Gaussians on a ring, and a generator that learns fifty times as fast as its discriminator: what makes a plain GAN
hop from mode to mode (see mode_hopping). The unrolled generator is told how the discriminator would answer, and spreads
at once. A discriminator that takes the five steps itself costs hardly less, and is set beside it: on this ring it
does as well, so the figure alone does not show that the derivative through the steps is what helps. (Metz et al. 2017,
figure 2; the centres here are eight, not seven.)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from reference_models.core.stories import Story, Tale
from reference_models.stories.mode_hopping import strips, watched

AHEAD = 5
UNEVEN: dict[str, Any] = {"latent": 4, "batch": 128, "lr": 5e-3, "discriminator_lr": 1e-4}


def run(*, seed: int, quick: bool, progress: Callable[[str, int, int], Any] | None) -> Tale:
    """Train the three, and watch which modes they hold."""
    steps = 400 if quick else 600
    models: dict[str, tuple[str, dict[str, Any], int]] = {
        "GAN": ("gan", UNEVEN, steps),
        "unrolled GAN": ("unrolled_gan", {**UNEVEN, "unroll": AHEAD}, steps),
        "GAN of six steps of D": ("gan", {**UNEVEN, "k": AHEAD + 1}, steps),
    }
    numbers, pictures = watched(models, seed=seed, progress=progress)
    return Tale(numbers=numbers, figure=strips(numbers, pictures), holds=verdict(numbers))


def verdict(numbers: dict[str, Any]) -> bool:
    """Check that the unrolled GAN and the one of more steps hold all modes at the end, and the plain one few."""
    kept = numbers["unrolled GAN_held"] == 8 and numbers["unrolled GAN_lost"] == 0
    return bool(kept and numbers["GAN_held"] <= 6 and numbers["GAN of six steps of D_modes"] == 8)


STORY = Story(
    name="unrolled_modes",
    claim="A generator that looks five steps of a slow discriminator ahead holds all eight modes, where the same GAN "
    "hops between a few; but so does the same GAN when its discriminator takes the five steps.",
    run=run,
)
