"""Which latents a VAE keeps, and what its KL weight has to do with it.

A *linear* VAE with fixed noise s^2 and KL weight b has an exact optimum, probabilistic PCA with noise ``b s^2``: a
latent is worth its price if and only if its direction has variance ``l > b s^2`` (Lucas et al. 2019, "Don't blame the
ELBO!"). So the count of active units is a staircase, and the ELBO, whose own weight is 1, is best where b is 1.

In a VAE of *two levels* the data reach the top only through the level below, and the top dies first; a warm-up of the
weight or free bits reopen it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from gandiag.plots._style import FAKES, REAL, WRONG, labels, legend, tidy
from reference_models.core.loop import fit
from reference_models.core.presets import Preset, preset_of
from reference_models.core.rng import Keys
from reference_models.core.running import begin
from reference_models.core.stories import Story, Tale
from reference_models.oracles import ppca

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Progress = Callable[[str, int, int], Any] | None
SPECTRUM = np.array([6.0, 4.0, 2.5, 1.5, 0.75, 0.4])
WEIGHTS, QUICK_WEIGHTS = (0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 8.0), (1.0, 3.0)
CURED = 3.0  # the weight at which free bits are tried
FREE_BITS = 0.3
LEVELS: dict[str, dict[str, float]] = {
    "weight 1": {},
    "weight 4": {"beta": 4.0},
    "warm-up": {"warmup": 2 / 3},
    "free bits": {"free_bits": FREE_BITS},
}


def rows() -> NDArray[np.float64]:
    """Make 512 rows whose covariance is exactly diagonal, with the spectrum."""
    x = np.random.default_rng(0).normal(size=(512, len(SPECTRUM)))
    x -= x.mean(axis=0)
    white = x @ np.linalg.inv(np.linalg.cholesky(np.cov(x.T, ddof=0))).T
    out: NDArray[np.float64] = white * np.sqrt(SPECTRUM)
    return out


def exact(weight: float) -> tuple[int, float]:
    """Give the active units and the ELBO at the optimum for one KL weight, with noise s^2 = 1."""
    x, loadings = rows(), np.diag(np.sqrt(np.maximum(SPECTRUM - weight, 0)))
    priced = ppca.PPCA(mean=np.zeros(len(SPECTRUM)), loadings=loadings, noise_variance=weight)
    model = ppca.PPCA(mean=priced.mean, loadings=loadings, noise_variance=1.0)
    return ppca.activity(SPECTRUM, weight).active, float(model.elbo(x, *priced.best_encoder()).mean())


def linear(weight: float, *, free_bits: float, steps: int, seed: int) -> tuple[int, float]:
    """Train a linear VAE, and measure its active units and its ELBO."""
    x = rows()
    settings = {"net": "linear", "latent": len(SPECTRUM), "noise": "fixed", "sigma": 1.0, "lr": 3e-2}
    preset = Preset(steps=steps, batch=len(x), average=0.99, model={**settings, "beta": weight, "free_bits": free_bits})
    run = fit(begin("vae", preset, data=[x], seed=seed, device="cpu"))
    model, data = run.model, torch.as_tensor(x).float()
    with torch.no_grad(), run.average.applied() if run.average else nullcontext():
        bound = np.mean([float(model.elbo(data, Keys(draw)).mean()) for draw in range(20)])  # type: ignore[attr-defined]
        return model.active_units(data), float(bound)  # type: ignore[attr-defined]


def levels(changes: dict[str, float], *, steps: int, seed: int) -> dict[str, float]:
    """Train a VAE of two levels on binarised digits, and measure what each level carries."""
    changes = {**changes, "warmup": round(changes.get("warmup", 0) * steps)}
    preset = preset_of("hierarchical_vae", "cpu-binary", steps=steps, lr=5e-3, widths=[48], **changes)
    run = fit(begin("hierarchical_vae", preset, seed=seed, device="cpu"))
    x = run.data.domains[0].values
    with torch.no_grad():
        kl = run.model.kl(x, Keys(1))  # type: ignore[attr-defined]
        bound = float(run.model.elbo(x, Keys(1)).mean())  # type: ignore[attr-defined]
    return {"bottom": float(kl["bottom"].sum()), "top": float(kl["top"].sum()), "levels_elbo": bound}


def run(*, seed: int, quick: bool, progress: Progress) -> Tale:
    """Train the linear VAE at every KL weight, and the one of two levels with each cure."""
    weights = QUICK_WEIGHTS if quick else WEIGHTS
    steps, total = (350, 300) if quick else (1500, 1500), len(weights) + 1 + len(LEVELS)
    found: list[tuple[int, float]] = []
    for weight, free_bits in [*((w, 0.0) for w in weights), (CURED, FREE_BITS)]:
        found.append(linear(weight, free_bits=free_bits, steps=steps[0], seed=seed))
        if progress is not None:
            progress("linear", len(found), total)
    tall: dict[str, dict[str, float]] = {}
    for name, changes in LEVELS.items():
        tall[name] = levels(changes, steps=steps[1], seed=seed)
        if progress is not None:
            progress("two levels", len(found) + len(tall), total)
    theory = [exact(weight) for weight in weights]
    numbers: dict[str, Any] = {
        "weight": list(weights),
        "active": [units for units, _ in found[:-1]],
        "active_exact": [units for units, _ in theory],
        "elbo": [bound for _, bound in found[:-1]],
        "elbo_exact": [bound for _, bound in theory],
        "cured_weight": CURED,
        "cured_active": found[-1][0],
        "cured_elbo": found[-1][1],
        "levels": list(LEVELS),
        **{key: [tall[name][key] for name in LEVELS] for key in ("top", "bottom", "levels_elbo")},
    }
    return Tale(numbers=numbers, figure=_figure(numbers), holds=verdict(numbers))


def verdict(numbers: dict[str, Any]) -> bool:
    """Check the staircase, the ELBO against its exact value, and both cures."""
    gap = np.abs(np.array(numbers["elbo"]) - np.array(numbers["elbo_exact"]))
    staircase = numbers["active"] == numbers["active_exact"] and gap.max() < 0.15
    best_at_one = numbers["weight"][int(np.argmax(numbers["elbo"]))] == 1.0
    at_cure = numbers["weight"].index(numbers["cured_weight"])
    free = numbers["cured_active"] > numbers["active"][at_cure]
    top = dict(zip(numbers["levels"], numbers["top"], strict=True))
    reopened = top["warm-up"] > top["weight 1"] + 0.1 and top["free bits"] > top["weight 1"] + 0.5
    return bool(staircase and best_at_one and free and top["weight 4"] < 0.05 and reopened)


def _figure(numbers: dict[str, Any]) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.6, 2.9), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    _draw_staircase(left, numbers)
    _draw_bounds(middle, numbers)
    _draw_levels(right, numbers)
    return figure


def _draw_staircase(ax: Axes, numbers: dict[str, Any]) -> None:
    fine = np.geomspace(0.2, 10, 400)
    ax.plot(fine, [(fine_l < SPECTRUM).sum() for fine_l in fine], color=REAL, linewidth=1.0, label="exact")
    ax.plot(numbers["weight"], numbers["active"], "o", color=FAKES[0], markersize=5, label="trained")
    cured = f"free bits {FREE_BITS}"
    ax.plot(numbers["cured_weight"], numbers["cured_active"], "^", color=FAKES[1], markersize=6, label=cured)
    _weight_axis(ax)
    tidy(ax, grid="y")
    labels(ax, x="KL weight of the linear VAE", y="active units of 6")
    legend(ax, ncols=3)


def _draw_bounds(ax: Axes, numbers: dict[str, Any]) -> None:
    fine = np.geomspace(0.2, 10, 60)
    ax.plot(fine, [exact(w)[1] for w in fine], color=REAL, linewidth=1.0, label="exact")
    ax.plot(numbers["weight"], numbers["elbo"], "o", color=FAKES[0], markersize=5, label="trained")
    ax.plot(numbers["cured_weight"], numbers["cured_elbo"], "^", color=FAKES[1], markersize=6, label="free bits")
    _weight_axis(ax)
    tidy(ax, grid="y")
    labels(ax, x="KL weight of the linear VAE", y="ELBO, nats per row")
    legend(ax, ncols=3)


def _weight_axis(ax: Axes) -> None:
    ax.set_xscale("log")
    ax.set_xticks([0.25, 0.5, 1, 2, 4, 8], ["0.25", "0.5", "1", "2", "4", "8"])
    ax.minorticks_off()


def _draw_levels(ax: Axes, numbers: dict[str, Any]) -> None:
    at = np.arange(len(numbers["levels"]))
    ax.bar(at - 0.2, numbers["bottom"], 0.38, color=FAKES[3], label="first level")
    ax.bar(at + 0.2, numbers["top"], 0.38, color=WRONG, label="top level")
    for x, value in zip(at, numbers["top"], strict=True):
        ax.annotate(f"{value:.2f}", (x + 0.2, value), ha="center", va="bottom", fontsize=7)
    ax.set_xticks(at, numbers["levels"])
    tidy(ax, grid="y")
    labels(ax, y="KL of a level, nats per image")
    legend(ax, ncols=2)


STORY = Story(
    name="posterior_collapse",
    claim="A latent of a VAE dies when the KL weight makes it dearer than what it explains, just where theory says; "
    "the top of two levels dies first, and a warm-up or free bits reopen it.",
    run=run,
)
