"""What a generator does to a discriminator that stands still: it says the one thing that D likes best.

Data are three hills in the plane that run into one another, the generator begins as ``x = 2 z``, N(0, 4 I), and D is
the optimal discriminator ``p / (p + q)`` of just that moment. Frozen, its best answer is a point: ``G = argmax_x D(x)``
whatever z, so dx/dz goes to 0 (mode collapse as a best response; Metz et al. 2017, "Unrolled generative adversarial
networks", section 2). The same generator against the same D that learns on keeps its spread.

This D has one maximum. With hills farther apart it has three, and a generator, which sees slopes only, may end at a
lower one: it then collapses as well, to a point that is not the argmax.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Adam

from gandiag.plots._style import FAKES, REAL, WRONG, labels, legend, new_pair, tidy
from reference_models import losses
from reference_models.core.model import descend
from reference_models.core.rng import Keys
from reference_models.core.stories import Story, Tale
from reference_models.nets import mlp

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CENTRES = torch.tensor([[0.0, 1.0], [-1.0, -0.55], [1.0, -0.55]])
SHARES = torch.tensor([0.6, 0.2, 0.2])
SD, START_SD = 0.7, 2.0
SHOWN = 256


class Generator(nn.Module):
    """A map of the plane that begins as ``x = 2 z``: a linear layer and a network beside it that begins at 0."""

    def __init__(self) -> None:
        super().__init__()
        self.linear, self.bend = nn.Linear(2, 2), zero_at_first([2, 32, 32, 2])
        with torch.no_grad():
            self.linear.weight.copy_(START_SD * torch.eye(2))
            self.linear.bias.zero_()

    def forward(self, z: Tensor) -> Tensor:
        """Map (n, 2) to (n, 2)."""
        out: Tensor = self.linear(z) + self.bend(z)
        return out


class Discriminator(nn.Module):
    """The logits ``log p - log q`` of the beginning, and a network beside them that begins at 0 and may learn."""

    def __init__(self) -> None:
        super().__init__()
        self.change = zero_at_first([2, 32, 32, 1])

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, 2) to logits, shape (n,)."""
        out: Tensor = first_logit(x) + self.change(x).squeeze(1)
        return out


def zero_at_first(sizes: list[int]) -> nn.Sequential:
    """Make a network whose output is 0 until it learns."""
    net = mlp(sizes, nn.Tanh)
    for weight in net[-1].parameters():
        nn.init.zeros_(weight)
    return net


def first_logit(x: Tensor) -> Tensor:
    """Give ``log p - log q`` of the three hills and of N(0, 4 I)."""
    squared = (x[:, None] - CENTRES).square().sum(-1)
    log_p = torch.logsumexp(SHARES.log() - squared / (2 * SD**2), 1) - math.log(2 * math.pi * SD**2)
    log_q = -x.square().sum(1) / (2 * START_SD**2) - math.log(2 * math.pi * START_SD**2)
    return log_p - log_q


def hills(n: int, keys: Keys) -> Tensor:
    """Draw data."""
    hill = torch.bucketize(keys.uniform("hill", n), SHARES.cumsum(0)[:-1])
    return CENTRES[hill] + SD * keys.normal("noise", n, 2)


@functools.cache
def favourite() -> Tensor:
    """Find the argmax of the frozen D on a fine grid."""
    points = torch.cartesian_prod(*[torch.linspace(-4.0, 4.0, 801)] * 2)
    return points[first_logit(points).argmax()]


def slope(generator: nn.Module, z: Tensor) -> float:
    """Give the mean Frobenius norm of dx/dz."""
    z = z.detach().requires_grad_(True)
    x = generator(z)
    rows = [torch.autograd.grad(x[:, i].sum(), z, retain_graph=True)[0] for i in range(2)]
    return float(torch.stack(rows, 1).flatten(1).norm(dim=1).mean())


def train(
    *, frozen: bool, steps: int, keys: Keys, progress: Callable[[str, int, int], Any] | None
) -> dict[str, list[Any]]:
    """Train G by the non-saturating loss against a D that stands still, or learns a step before each of G's."""
    with keys.everywhere("nets"):
        g, d = Generator(), Discriminator()
    g_optimizer = Adam(g.parameters(), lr=5e-3, betas=(0.5, 0.9))
    d_optimizer = Adam(d.parameters(), lr=5e-3, betas=(0.5, 0.9))
    # The rate falls to 0 along a line: what is left at the end is the collapse, not the jitter of Adam's last steps.
    falling = torch.optim.lr_scheduler.LambdaLR(g_optimizer, lambda step: 1.0 - step / steps)
    z, best = keys.normal("shown", SHOWN, 2), favourite()
    seen: dict[str, list[Any]] = {"step": [], "slope": [], "distance": [], "points": []}
    every = max(1, steps // 30)
    for step in range(steps + 1):
        now = keys.at(step)
        if step % every == 0:
            with torch.no_grad():
                x = g(z)
            found = (step, slope(g, z), float((x - best).norm(dim=1).mean()), x.numpy())
            for column, value in zip(seen.values(), found, strict=True):
                column.append(value)
            if progress is not None:
                progress("D frozen" if frozen else "D learns", step, steps)
        if not frozen:
            fake = g(now.normal("z_D", 128, 2)).detach()
            descend(d_optimizer, losses.discriminator_loss(d(hills(128, now)), d(fake)))
        descend(g_optimizer, losses.non_saturating(d(g(now.normal("z_G", 128, 2)))))
        falling.step()
    return seen


def run(*, seed: int, quick: bool, progress: Callable[[str, int, int], Any] | None) -> Tale:
    """Train against a frozen discriminator and against one that learns."""
    steps = 300 if quick else 1500
    runs = {
        name: train(frozen=frozen, steps=steps, keys=Keys(seed), progress=progress)
        for name, frozen in (("frozen", True), ("learning", False))
    }
    numbers: dict[str, Any] = {"argmax": favourite().tolist(), "step": runs["frozen"]["step"]}
    for name, seen in runs.items():
        numbers |= {f"{name}_slope": seen["slope"], f"{name}_distance": seen["distance"]}
    return Tale(numbers=numbers, figure=_figure(runs), holds=verdict(numbers))


def verdict(numbers: dict[str, Any]) -> bool:
    """Check that dx/dz falls to a twentieth and all samples meet at the argmax, and that a learning D prevents both."""
    frozen, learning = (np.array(numbers[f"{name}_slope"]) for name in ("frozen", "learning"))
    collapsed = frozen[-1] < 0.05 * frozen[0] and numbers["frozen_distance"][-1] < 0.1
    return bool(collapsed and learning[-1] > 0.2 * learning[0] and numbers["learning_distance"][-1] > 0.5)


def _figure(runs: dict[str, dict[str, list[Any]]]) -> Figure:
    left, right = new_pair(width=7.6, height=3.5)
    _draw_plane(left, runs)
    _draw_slopes(right, runs)
    figure: Figure = left.get_figure()
    return figure


def _draw_plane(ax: Axes, runs: dict[str, dict[str, list[Any]]]) -> None:
    ticks = torch.linspace(-4.0, 4.0, 121)
    likes = torch.sigmoid(first_logit(torch.cartesian_prod(ticks, ticks))).reshape(121, 121).T
    ax.contourf(ticks, ticks, likes, levels=np.linspace(0, 0.9, 10), cmap="Greys", alpha=0.55)
    frozen, learning = runs["frozen"]["points"], runs["learning"]["points"]
    ax.plot(
        *favourite(),
        "*",
        color="white",
        markeredgecolor=REAL,
        markersize=16,
        linestyle="none",
        label="argmax of frozen D",
    )
    for points, colour, marker, name in (
        (frozen[0], FAKES[4], ".", "G(z) at the start"),
        (learning[-1], FAKES[0], "+", "G(z) at the end, D learns"),
        (frozen[-1], WRONG, "x", "G(z) at the end, D frozen"),
    ):
        ax.plot(*points.T, marker, color=colour, markersize=4, linestyle="none", alpha=0.8, label=name)
    ax.set_xlim(-4, 4)
    ax.set_ylim(-4, 4)
    ax.set_aspect("equal")
    tidy(ax)
    labels(ax, x="x1 (shade: frozen D, 0 white to .9)", y="x2")
    legend(ax, ncols=2)


def _draw_slopes(ax: Axes, runs: dict[str, dict[str, list[Any]]]) -> None:
    for name, colour, marker in (("frozen", WRONG, "x"), ("learning", FAKES[0], "+")):
        seen = runs[name]
        title = "D frozen" if name == "frozen" else "D learns"
        ax.plot(seen["step"], seen["slope"], f"{marker}-", color=colour, markersize=4, linewidth=1.0, label=title)
    ax.set_yscale("log")
    tidy(ax, grid="y")
    labels(ax, x="step of the generator", y="|dx/dz|, mean over z (Frobenius norm)")
    legend(ax)


STORY = Story(
    name="argmax_collapse",
    claim="Against a frozen discriminator a generator collapses to the argmax of D, with dx/dz going to 0; against the "
    "same discriminator that learns on it keeps its spread.",
    run=run,
)
