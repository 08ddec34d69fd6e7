"""What a restricted Boltzmann machine learns from digits, beside a run that silently learnt nothing.

Two runs of contrastive divergence on the same digits in black and white, 12 hidden units each. The second begins with
small weights and takes few, small steps: it finds the share of every pixel and no more, which reconstructions hide and
the exact likelihood shows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from gandiag.plots._style import COLUMN, FAKES, REAL, WRONG, labels, legend, tidy, write
from reference_models.core.data import Domain
from reference_models.core.loop import Run, fit
from reference_models.core.running import begin
from reference_models.core.stories import Story, Tale
from reference_models.models.rbm import RBM

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

RUNS: dict[str, dict[str, Any]] = {"learnt": {}, "barren": {"first": 0.01, "lr": 0.01}}
FEW = 0.2  # of the steps, for the barren run


def run(*, seed: int, quick: bool, progress: Callable[[str, int, int], Any] | None) -> Tale:
    """Train both, and measure exact likelihoods of held-out digits on the way."""
    steps = 600 if quick else 4200
    held_out = Domain("data:digits?split=test", "binary").values
    numbers: dict[str, Any] = {}
    for name, changes in RUNS.items():
        rate: dict[str, Any] = {"lr": 0.1} if quick and name == "learnt" else {}
        trained = begin("rbm", "cpu", device="cpu", seed=seed, **{**changes, **rate})
        last = steps if name == "learnt" else int(FEW * steps)
        numbers |= {f"{name}_{key}": value for key, value in trace(trained, held_out, last, name, progress).items()}
        known = trained.data.domains[0].values
    numbers["independent"] = independent_pixels(known, held_out)
    return Tale(numbers=numbers, figure=_figure(numbers), holds=verdict(numbers))


def trace(
    trained: Run, held_out: Tensor, last: int, name: str, progress: Callable[[str, int, int], Any] | None
) -> dict[str, Any]:
    """Train in stages, and measure after each."""
    model: RBM = trained.model  # type: ignore[assignment]
    stages = sorted({int(last * share) for share in np.linspace(0, 1, 9)})
    likelihood, error = [], []
    for stage in stages:
        fit(trained, stage)
        likelihood.append(float(model.log_prob(held_out).mean()))
        v = held_out.flatten(1)
        rebuilt = model.R.visible_given((model.R.hidden_given(v) > 0.5).float())
        error.append(float((rebuilt - v).square().mean()))
        if progress is not None:
            progress(name, stage, last)
    filters = model.R.W.T.clone()
    return {
        "step": stages,
        "likelihood": likelihood,
        "reconstruction": error,
        "filters": [[round(float(w), 4) for w in row] for row in filters],
        "likeness": likeness(filters),
    }


def likeness(filters: Tensor) -> float:
    """Average the absolute cosine between different filters: 1 when all are alike up to sign."""
    unit = filters / filters.norm(dim=1, keepdim=True)
    cosines = (unit @ unit.T).abs()
    pairs = len(filters) * (len(filters) - 1)
    return float((cosines.sum() - cosines.trace()) / pairs)


def independent_pixels(known: Tensor, new: Tensor) -> float:
    """Mean log-likelihood of new rows under the share of every pixel alone, with half a count added."""
    share = (known.flatten(1).double().sum(dim=0) + 0.5) / (len(known) + 1)
    x = new.flatten(1).double()
    return float((x @ share.log() + (1 - x) @ (1 - share).log()).mean())


def verdict(numbers: dict[str, Any]) -> bool:
    """Check that one run is at least 4 nats above independent pixels, and the other nowhere near."""
    learnt, barren = (numbers[f"{name}_likelihood"][-1] for name in RUNS)
    plain = numbers["independent"]
    return bool(learnt >= plain + 4 and barren < plain + 1 and numbers["learnt_likeness"] < numbers["barren_likeness"])


def _figure(numbers: dict[str, Any]) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(2.6 * COLUMN, 2.6), layout="constrained")
    first, *others = figure.subplots(1, 3, width_ratios=[1.1, 1, 1])
    _draw_likelihoods(first, numbers)
    for ax, name in zip(others, RUNS, strict=True):
        _draw_filters(ax, numbers, name)
    return figure


def _draw_likelihoods(ax: Axes, numbers: dict[str, Any]) -> None:
    for name, colour, mark in zip(RUNS, (FAKES[0], WRONG), "o^", strict=True):
        ax.plot(
            numbers[f"{name}_step"], numbers[f"{name}_likelihood"], f"{mark}-", color=colour, markersize=3, label=name
        )
    ax.axhline(numbers["independent"], color=REAL, linestyle=":", linewidth=1.0)
    write(ax, numbers["learnt_step"][-1], numbers["independent"], "independent pixels", va="bottom", ha="right")
    ax.set_ylim(min(numbers["independent"] - 4, numbers["barren_likelihood"][-1] - 1), None)
    tidy(ax, grid="y")
    labels(ax, x="steps", y="exact log-likelihood of new digits (nats)")
    legend(ax)


def _draw_filters(ax: Axes, numbers: dict[str, Any], name: str) -> None:
    filters = np.array(numbers[f"{name}_filters"]).reshape(3, 4, 8, 8)
    tiles = np.pad(filters, ((0, 0), (0, 0), (0, 1), (0, 1)), constant_values=np.nan)
    most = float(np.abs(filters).max())
    ax.imshow(tiles.swapaxes(1, 2).reshape(27, 36)[:-1, :-1], cmap="PuOr", vmin=-most, vmax=most)
    ax.set_axis_off()
    labels(ax, title=f"{name}: {numbers[f'{name}_likelihood'][-1]:.1f} nats, weights to {most:.2g}")


STORY = Story(
    name="rbm_filters",
    claim="A Boltzmann machine that learns from digits has strokes for filters and 4 nats over independent pixels; "
    "with small first weights and few steps it silently learns no more than the pixels' shares.",
    run=run,
)
