"""One frame: everything that a look at both networks gives, as arrays and numbers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gandiag.core.rng import stream
from gandiag.lab.cells import best_discriminator, divergences
from gandiag.lab.looking import ARROWS, FRESH, SAMPLES, Eyes, Noise
from gandiag.lab.losses import LOSSES
from gandiag.lab.real_side import RealSide
from gandiag.lab.trace import ALWAYS, JUDGED, MAPPED, WITHIN, Trace

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Frame:
    """What was seen at one step."""

    step: int
    arrays: dict[str, NDArray[Any]]
    scalars: dict[str, float]

    @classmethod
    def of_trace(cls, trace: Trace) -> list[Frame]:
        """Take a trace apart."""
        framed = [k for k, s in (ALWAYS | JUDGED | MAPPED | WITHIN).items() if s[0] == "F" and k in trace.arrays]
        framed.remove("scalars")
        names = trace.facts["scalars"]
        return [
            cls(
                step=int(trace.arrays["steps"][i]),
                arrays={key: trace.arrays[key][i] for key in framed},
                scalars=dict(zip(names, map(float, trace.arrays["scalars"][i]), strict=True)),
            )
            for i in range(len(trace))
        ]


@dataclass(frozen=True, kw_only=True, eq=False)
class Before:
    """What was seen before a step: D's outputs on the grid, and the first of the samples that are drawn."""

    step: int
    disc: Array
    points: Array


@dataclass(eq=False)
class Scene:
    """What stays the same from frame to frame."""

    side: RealSide
    noise: Noise
    eyes: Eyes
    loss: str
    seed: int
    pack: int = 1

    @cached_property
    def shown(self) -> Array:
        """Latents of the samples that are drawn."""
        return self.noise.draw(SAMPLES, stream(self.seed, "lab", "shown"))

    @cached_property
    def even(self) -> Array | None:
        """Latents that stand for equal shares of the law."""
        return self.noise.even()

    @cached_property
    def sheet(self) -> tuple[Array, Array]:
        """Latents of the manifold, and its directions."""
        return self.noise.sheet(self.seed)

    @property
    def facts(self) -> dict[str, Any]:
        """What the page says about the run as a whole."""
        side, view = self.side, self.side.view
        modes = 0 if side.modes is None else len(side.modes.centres)
        return {
            "data": side.name,
            "loss": self.loss,
            "pack": self.pack,
            "output": LOSSES[self.loss].output,
            "latent": self.noise.width,
            "prior": self.noise.prior,
            "exact": side.exact,
            "q_from": "samples" if self.even is None else "flow",
            "view": [*view.low, view.side],
            "floors": {key: list(value) for key, value in side.floors.items()},
            "modes": modes,
            "rows": FRESH,
        }


def look_before(scene: Scene, step: int) -> Before | None:
    """Look at what the next step, ``step``, will change."""
    if scene.eyes.discriminator is None:
        return None
    view = scene.side.view
    disc = scene.eyes.judged(view.grid()).reshape(view.cells, view.cells)
    return Before(step=step, disc=disc, points=scene.eyes.made(scene.shown[:ARROWS]))


def look(
    scene: Scene, step: int, seconds: float, numbers: dict[str, float], before: Before | None = None
) -> Frame | None:
    """Look once; None where an output is not finite.

    Parameters
    ----------
    scene : Scene
    step : int
    seconds : float
        Of training so far.
    numbers : dict
        What the training itself told.
    before : Before, optional
        Counts where it is of this step.
    """
    side, view, eyes = scene.side, scene.side.view, scene.eyes
    samples = eyes.made(scene.shown)
    fresh = eyes.made(scene.noise.draw(FRESH, stream(scene.seed, "lab", "fresh", str(step))))
    pushed = fresh if scene.even is None else eyes.made(scene.even)
    if not all(np.isfinite(rows).all() for rows in (samples, fresh, pushed)):
        return None
    shares = view.counts(pushed) / len(pushed)
    q = shares[:-1].reshape(view.cells, view.cells)
    latents, directions = scene.sheet
    images, density = eyes.sheet(latents.reshape(-1, latents.shape[-1]), directions, scene.noise)
    arrays: dict[str, NDArray[Any]] = {
        "steps": np.array(step, dtype=np.int64),
        "seconds": np.array(seconds),
        "samples": samples,
        "q": q,
        "manifold": images.reshape(*latents.shape[:2], 2),
        "density": density.reshape(latents.shape[:2]),
    }
    scalars = numbers | divergences(side.shares, view.counts(fresh)) | side.modes_of(fresh)
    if eyes.discriminator is not None:
        arrays |= _judged(scene, samples)
        arrays |= _within(scene, arrays, before if before is not None and before.step == step else None)
        if LOSSES[scene.loss].output == "logit":
            scalars["d_gap"] = _gap(arrays["disc"], side.cells, q, scene.pack)
    kept = {k: v if k in ("steps", "seconds", "within") else v.astype(np.float32) for k, v in arrays.items()}
    if not all(np.isfinite(array).all() for array in kept.values()):
        return None
    return Frame(step=step, arrays=kept, scalars=scalars)


def _judged(scene: Scene, samples: Array) -> dict[str, NDArray[Any]]:
    side, view, eyes = scene.side, scene.side.view, scene.eyes
    outputs, slopes = eyes.slopes(samples[:ARROWS])
    return {
        "disc": eyes.judged(view.grid()).reshape(view.cells, view.cells),
        "points": samples[:ARROWS],
        "slopes": slopes,
        "at_points": outputs,
        "d_real": eyes.judged(side.shown),
        "d_fake": eyes.judged(samples),
    }


def _within(scene: Scene, arrays: dict[str, NDArray[Any]], before: Before | None) -> dict[str, NDArray[Any]]:
    """Tell what the step changed; where nothing was seen before it, nothing."""
    disc, points = (arrays["disc"], arrays["points"]) if before is None else (before.disc, before.points)
    outputs, slopes = scene.eyes.slopes(points)
    return {
        "within": np.array(before is not None, dtype=np.int64),
        "disc_before": disc,
        "points_before": points,
        "slopes_before": slopes,
        "at_before": outputs,
    }


def _gap(logits: Array, p: Array, q: Array, pack: int) -> float:
    """Measure how far D is from D*: the mean of ``|D - D*|`` under half the data, half the generator, within view."""
    from scipy.special import expit

    best, weight = best_discriminator(p, q, pack=pack), p + q
    held = np.isfinite(best) & (weight > 0)
    if not held.any():
        return float("nan")
    return float(np.average(np.abs(expit(logits) - best)[held], weights=weight[held]))
