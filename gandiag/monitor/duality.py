"""The duality gap: how much either player could gain by answering the other, zero at an equilibrium.

``gap(G, D) = max_D' V(G, D') - min_G' V(G', D) >= 0`` (Grnarova et al. 2019, "A domain agnostic measure for monitoring
and evaluating GANs"). For bilinear games it is exact. For networks the two inner problems are approached by a bounded
number of steps on copies, so that each side is a lower bound of what a full best response would gain; it is measured
on rows and latents that the search has not seen.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from gandiag.core.checks import as_matrix, require_one_of, require_seed
from gandiag.core.rng import stream
from gandiag.errors import ConfigError, ShapeError
from gandiag.monitor.game import Game, game_of, mean_and_error, outputs
from gandiag.monitor.restoring import undisturbed

Strategies = Literal["box", "simplex"]


def bilinear_gap(payoff: ArrayLike, x: ArrayLike, y: ArrayLike, *, strategies: Strategies = "box") -> float:
    """Compute the exact duality gap of ``V(x, y) = x' A y``, where x minimises and y maximises.

    Parameters
    ----------
    payoff : array_like, shape (k, l)
        The matrix A.
    x, y : array_like, shapes (k,) and (l,)
        The strategies that are played.
    strategies : {"box", "simplex"}
        All of ``[-1, 1]`` in each coordinate, or mixed strategies (at least 0, with sum 1).

    Returns
    -------
    float
        ``|A'x|_1 + |Ay|_1`` on the box, ``max(A'x) - min(Ay)`` on the simplex; at least 0, and 0 at equilibrium.

    Examples
    --------
    >>> bilinear_gap([[0, -1], [1, 0]], [0.5, 0.0], [0.0, 1.0])
    1.5
    >>> bilinear_gap([[3, -1], [-2, 1]], [3 / 7, 4 / 7], [2 / 7, 5 / 7], strategies="simplex") < 1e-12
    True
    """
    a = as_matrix(payoff, name="payoff")
    require_one_of(strategies, ("box", "simplex"), name="strategies")
    row, column = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if row.shape != a.shape[:1] or column.shape != a.shape[1:]:
        raise ShapeError(
            "`x` and `y` must have one number per row and per column of the payoff",
            received=f"{row.shape} and {column.shape} for {a.shape}",
            remedy="Pass x of shape (k,) and y of shape (l,).",
        )
    _require_strategy(row, "x", strategies)
    _require_strategy(column, "y", strategies)
    if strategies == "box":
        return float(np.abs(a.T @ row).sum() + np.abs(a @ column).sum())
    return float((a.T @ row).max() - (a @ column).min())


def _require_strategy(values: np.ndarray[Any, Any], name: str, strategies: str) -> None:
    slack = 1e-9
    on_box = bool(np.abs(values).max() <= 1.0 + slack)
    mixed = bool(values.min() >= -slack) and abs(float(values.sum()) - 1.0) <= slack
    if not (on_box if strategies == "box" else mixed):
        rule = "lie in [-1, 1]" if strategies == "box" else "be at least 0 with sum 1"
        raise ConfigError(f"`{name}` must {rule}", received=values.tolist(), remedy="Pass a strategy of the game.")


@dataclass(frozen=True, kw_only=True)
class DualityGap:
    """What a bounded search has found.

    Attributes
    ----------
    gap : float
        ``worst - best``. Each side is a lower bound of what a full best response gains, up to ``error``; by chance, or
        where the search made things worse on rows it has not seen, it can fall below 0.
    error : float
        Standard error of the gap on the held-out rows.
    value : float
        ``V(G, D)`` of the players as they are.
    worst : float
        ``V(G, D')``: D has answered. The minimax value, which judges the generator alone.
    best : float
        ``V(G', D)``: G has answered.
    half : float
        The gap after half of the steps: where it is still growing, the search is not done.
    steps, lr
        How long and how fast was searched.
    note : str
    """

    gap: float
    error: float
    value: float
    worst: float
    best: float
    half: float
    steps: int
    lr: float
    note: str = "lower bound on each side: a full best response could gain more"


def duality_gap(
    generator: Any,
    discriminator: Any,
    real: Any,
    *,
    latent: int | tuple[int, ...],
    game: str = "gan",
    steps: int = 100,
    lr: float = 1e-3,
    batch: int = 128,
    clip: float | None = None,
    seed: int = 0,
) -> DualityGap:
    """Estimate the duality gap of two networks by best-response steps on copies of them.

    Parameters
    ----------
    generator, discriminator : torch.nn.Module
        ``generator(z)``, and ``discriminator(x)`` with one logit (critic value) per row. Neither they nor any global
        generator of random numbers is changed.
    real : tensor or array, shape (n, ...)
        Rows as the discriminator takes them. One half is searched on, the other judges.
    latent : int or tuple of int
        Shape of one latent, drawn from the standard normal law.
    game : {"gan", "wgan"}
        The value function. A critic without bound wins any amount: give ``clip`` with "wgan".
    steps : int
        Adam steps for each player.
    lr : float
    batch : int
        Rows per step.
    clip : float, optional
        Clip the answering discriminator's weights to this after every step, as it was trained.
    seed : int

    Returns
    -------
    DualityGap
    """
    import torch

    chosen = game_of(game)
    _require_search(steps, lr, chosen, clip)
    require_seed(seed)
    with undisturbed([generator, discriminator]), torch.enable_grad():
        torch.manual_seed(int(stream(seed, "duality", "torch").integers(2**62)))
        rows = _placed(real, discriminator)
        if len(rows) < 8:
            raise ConfigError("`real` must hold at least 8 rows", received=len(rows), remedy="Give more rows.")
        order = torch.from_numpy(stream(seed, "duality", "halves").permutation(len(rows))).to(rows.device)
        search, judged = rows[order[: len(rows) // 2]], rows[order[len(rows) // 2 :]]
        shape = (latent,) if isinstance(latent, int) else tuple(latent)
        held_z = torch.randn(len(judged), *shape, device=rows.device, dtype=rows.dtype)
        plan = _Plan(chosen, steps, lr, batch, clip, shape)
        value, _ = _value(generator, discriminator, judged, held_z, chosen)
        worst = plan.answer("D", generator, discriminator, search, judged, held_z)
        best = plan.answer("G", generator, discriminator, search, judged, held_z)
    return DualityGap(
        gap=worst[1][0] - best[1][0],
        error=math.hypot(worst[1][1], best[1][1]),
        value=value,
        worst=worst[1][0],
        best=best[1][0],
        half=worst[0][0] - best[0][0],
        steps=steps,
        lr=lr,
    )


def _require_search(steps: int, lr: float, game: Game, clip: float | None) -> None:
    if steps < 2 or not lr > 0.0:
        raise ConfigError(
            "the search must have at least 2 steps and a positive rate", received=(steps, lr), remedy="Pass steps=100."
        )
    if game.name == "wgan" and clip is None:
        raise ConfigError(
            "the Wasserstein value has a best response only among bounded critics",
            received="clip=None",
            remedy="Pass the bound on the weights that the critic was trained with: clip=0.01.",
        )


@dataclass(frozen=True)
class _Plan:
    game: Game
    steps: int
    lr: float
    batch: int
    clip: float | None
    latent: tuple[int, ...]

    def answer(
        self, player: str, generator: Any, discriminator: Any, search: Any, judged: Any, held_z: Any
    ) -> list[tuple[float, float]]:
        """Let a copy of one player answer the other; return the judged value and error after half and all steps."""
        import torch

        g, d = copy.deepcopy(generator).eval(), copy.deepcopy(discriminator).eval()
        mine, sign = (d, -1.0) if player == "D" else (g, 1.0)
        for p in (*g.parameters(), *d.parameters()):
            p.requires_grad_(False)
        for p in mine.parameters():
            p.requires_grad_(True)
        optimiser = torch.optim.Adam(mine.parameters(), lr=self.lr, betas=(0.5, 0.999))
        found = []
        for step in range(1, self.steps + 1):
            mine.train()
            rows = search[torch.randint(len(search), (self.batch,), device=search.device)]
            z = torch.randn(self.batch, *self.latent, device=search.device, dtype=search.dtype)
            value = self.game.real(d(rows)).mean() + self.game.fake(d(g(z))).mean()
            optimiser.zero_grad()
            (sign * value).backward()
            optimiser.step()
            if self.clip is not None and player == "D":
                with torch.no_grad():
                    for p in mine.parameters():
                        p.clamp_(-self.clip, self.clip)
            if step in (self.steps // 2, self.steps):
                found.append(_value(g, d, judged, held_z, self.game))
        return found


def _value(generator: Any, discriminator: Any, real: Any, z: Any, game: Game) -> tuple[float, float]:
    """Measure ``V(G, D)`` on held-out rows and latents in evaluation mode, with its standard error."""
    import torch

    generator.eval()
    discriminator.eval()
    with torch.no_grad():
        fakes = torch.cat([generator(z[start : start + 256]) for start in range(0, len(z), 256)])
        real_mean, real_error = mean_and_error(game.real(outputs(discriminator, real)))
        fake_mean, fake_error = mean_and_error(game.fake(outputs(discriminator, fakes)))
    return float(real_mean + fake_mean), math.sqrt(real_error + fake_error)


def _placed(real: Any, discriminator: Any) -> Any:
    """Bring rows to the discriminator's device and precision."""
    import torch

    rows = real if isinstance(real, torch.Tensor) else torch.from_numpy(np.array(real))
    first = next(iter(discriminator.parameters()))
    return rows.detach().to(first.device, first.dtype)
