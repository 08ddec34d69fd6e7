"""Burn-in of Gibbs sampling in a restricted Boltzmann machine, against its exact law.

With 6 visible and 4 hidden units the law of the visible ones is a list of 64 probabilities, and one sweep is a matrix,
so that the total variation after any number of sweeps is known exactly. Chains from random states measure it; no
measurement can fall below what as many perfect draws show. Weights three times as large make the same sampler slow, and
hidden means in the place of draws, a common shortcut, never arrive.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gandiag.plots._style import FAKES, REAL, WRONG, labels, legend, new_pair, tidy, write
from reference_models.core.rng import Keys
from reference_models.core.stories import Story, Tale
from reference_models.models.rbm import Machine, drawn, gibbs
from reference_models.oracles import rbm_exact

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Vector = NDArray[np.float64]

VISIBLE, HIDDEN = 6, 4
SWEEPS = [0, 1, 2, 3, 5, 8, 13, 21, 34, 55]
SCALES = {"weak": 1.0, "strong": 3.0}


def run(*, seed: int, quick: bool, progress: Callable[[str, int, int], Any] | None) -> Tale:
    """Sweep chains of two machines, rightly and with means in the place of draws."""
    n = 4000 if quick else 20_000
    numbers: dict[str, Any] = {"sweeps": SWEEPS, "chains": n}
    for i, (name, scale) in enumerate(SCALES.items()):
        if progress is not None:
            progress(f"{name} weights", i, len(SCALES))
        machine, keys = machine_of(scale), Keys(seed)
        law, kernel = rbm_exact.visible_distribution(*arrays(machine)), rbm_exact.gibbs_kernel(*arrays(machine))
        perfect = [distance(keys.at(j).numpy("perfect").multinomial(n, law) / n, law) for j in range(50)]
        numbers |= {
            f"{name}_exact": exact_burn_in(kernel, law, SWEEPS[-1]),
            f"{name}_measured": measured_burn_in(machine, law, n, keys, gibbs),
            f"{name}_means": measured_burn_in(machine, law, n, keys, with_means),
            f"{name}_floor": float(np.mean(perfect)),
            f"{name}_floor_sd": float(np.std(perfect)),
        }
    return Tale(numbers=numbers, figure=_figure(numbers), holds=verdict(numbers))


def machine_of(scale: float) -> Machine:
    """Make a machine with random weights, the same for every seed of the chains."""
    keys, machine = Keys(3), Machine(VISIBLE, HIDDEN, 0.0)
    machine.W.add_(scale * keys.normal("W", VISIBLE, HIDDEN))
    machine.b.add_(0.5 * keys.normal("b", VISIBLE))
    machine.c.add_(0.5 * keys.normal("c", HIDDEN))
    return machine.double()


def arrays(machine: Machine) -> tuple[Vector, Vector, Vector]:
    """Give weights and biases as the oracle takes them."""
    return machine.W.numpy(), machine.b.numpy(), machine.c.numpy()


def with_means(machine: Machine, v: Tensor, sweeps: int, keys: Keys) -> Tensor:
    """Sweep as `gibbs` does, but pass the hidden chances on instead of drawing units."""
    for j in range(sweeps):
        v = drawn(machine.visible_given(machine.hidden_given(v)), keys, "gibbs v", j)
    return v


def exact_burn_in(kernel: Vector, law: Vector, sweeps: int) -> list[float]:
    """Follow the law from uniform states, sweep by sweep; total variation to the target."""
    at, found = np.full(len(law), 1 / len(law)), []
    for _ in range(sweeps + 1):
        found.append(distance(at, law))
        at = at @ kernel
    return found


def measured_burn_in(
    machine: Machine, law: Vector, n: int, keys: Keys, sweep: Callable[[Machine, Tensor, int, Keys], Tensor]
) -> list[float]:
    """Run n chains from uniform states, and measure the total variation of their frequencies."""
    v, found = keys.integers("start", 2, n, VISIBLE).double(), []
    for before, now in zip([0, *SWEEPS], SWEEPS, strict=False):
        v = sweep(machine, v, now - before, keys.at(now))
        found.append(distance(frequencies(v), law))
    return found


def frequencies(v: Tensor) -> Vector:
    """Count visible states in the order of the oracle."""
    places = (v @ 2.0 ** torch.arange(v.shape[1] - 1, -1, -1).double()).long().numpy()
    out: Vector = np.bincount(places, minlength=1 << v.shape[1]) / len(v)
    return out


def distance(p: Vector, q: Vector) -> float:
    """Compute the total variation."""
    return float(0.5 * np.abs(p - q).sum())


def verdict(numbers: dict[str, Any]) -> bool:
    """Check chains against the exact burn-in, that weak weights arrive and strong ones do not, and means never do."""
    for name in SCALES:
        highest = numbers[f"{name}_floor"] + 4 * numbers[f"{name}_floor_sd"]
        exact = np.array(numbers[f"{name}_exact"])[numbers["sweeps"]]
        measured = np.array(numbers[f"{name}_measured"])
        # Frequencies add at most about a floor to the exact distance.
        if not ((np.abs(measured - exact) <= highest).all() and numbers[f"{name}_means"][-1] > highest):
            return False
    at = numbers["sweeps"].index(8)
    weak, strong = (numbers[f"{name}_measured"][at] for name in SCALES)
    return bool(
        weak <= numbers["weak_floor"] + 4 * numbers["weak_floor_sd"]
        and strong > numbers["strong_floor"] + 4 * numbers["strong_floor_sd"]
    )


def _figure(numbers: dict[str, Any]) -> Figure:
    axes = new_pair(width=7.6, height=3.4)
    for ax, name in zip(axes, SCALES, strict=True):
        _draw(ax, numbers, name)
    labels(axes[0], y="total variation to the exact law")
    figure: Figure = axes[0].get_figure()
    return figure


def _draw(ax: Axes, numbers: dict[str, Any], name: str) -> None:
    ax.plot(numbers[f"{name}_exact"], color=FAKES[0], linewidth=1.4, label="exact")
    ax.plot(
        numbers["sweeps"],
        numbers[f"{name}_measured"],
        "o",
        color=FAKES[0],
        markersize=4,
        label="Gibbs sampling, chains",
    )
    ax.plot(
        numbers["sweeps"], numbers[f"{name}_means"], "^-.", color=WRONG, markersize=4, linewidth=1, label="hidden means"
    )
    ax.axhline(numbers[f"{name}_floor"], color=REAL, linestyle=":", linewidth=1.0)
    write(ax, SWEEPS[-1], numbers[f"{name}_floor"] / 1.9, "floor: perfect draws", va="top", ha="right")
    ax.set_yscale("log")
    ax.set_ylim(2e-3, 1.5)
    tidy(ax, grid="y")
    labels(ax, x=f"sweeps (weights of standard deviation {SCALES[name]:.0f})")
    legend(ax, ncols=2)


STORY = Story(
    name="gibbs_burn_in",
    claim="Gibbs sampling comes as near to the law of a Boltzmann machine as perfect draws do, after a burn-in that "
    "grows with its weights; with hidden means in the place of draws it never arrives.",
    run=run,
)
