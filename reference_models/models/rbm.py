"""Restricted Boltzmann machine, Smolensky 1986; trained by contrastive divergence, Hinton 2002.

Binary visible units v and hidden units h, with an energy that joins only unlike units::

    E(v, h) = -b.v - c.h - v W h,    p(v, h) = exp(-E(v, h)) / Z
    F(v) = -b.v - sum_j softplus(c_j + (v W)_j),    p(v) = exp(-F(v)) / Z
    p(h_j = 1 | v) = sigmoid(c_j + (v W)_j),    p(v_i = 1 | h) = sigmoid(b_i + (W h)_i)

The likelihood climbs along ``d log p / dW = <v h>_data - <v h>_model``, and likewise for b and c. The second average
is out of reach, so k sweeps of Gibbs sampling stand in for it: begun at the data (CD-k, Hinton 2002, "Training products
of experts by minimizing contrastive divergence"), or carried on from step to step (PCD, Tieleman 2008, "Training
restricted Boltzmann machines using approximations to the likelihood gradient"). No loss is differentiated anywhere.

Neither reconstruction error nor the gap of free energies tells whether a machine has learnt. The likelihood does, and
with up to 22 units on one side Z is a sum; beyond, `annealed_log_partition` estimates it (Neal 2001; Salakhutdinov &
Murray 2008, "On the quantitative analysis of deep belief networks").

Breaks by: Z and sampling, both hard; chains that do not mix; training that silently learns nothing but the shares of
the pixels (small first weights, few epochs: filters all alike).
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus
from torch.optim import SGD

from gandiag.errors import ConfigError
from reference_models.core.data import Batches, Units
from reference_models.core.device import full_precision
from reference_models.core.model import Model, ModelSpec, Scalars
from reference_models.core.rng import Keys
from reference_models.oracles import rbm_exact


@dataclass(frozen=True, kw_only=True)
class RBMConfig:
    """Settings of a machine; ``sweeps`` of Gibbs sampling make a sample, from units that are on with chance 1/2."""

    hidden: int = 12
    negative: Literal["cd", "pcd"] = "cd"
    k: int = 1
    chains: int = 64  # persistent ones, for PCD
    lr: float = 0.05
    momentum: float = 0.5
    weight_decay: float = 0.0
    first: float = 0.1  # standard deviation of the first weights
    sweeps: int = 1000


class Machine(nn.Module):
    """The parameters, and everything that follows from them in closed form."""

    def __init__(self, visible: int, hidden: int, first: float) -> None:
        super().__init__()
        self.W = nn.Parameter(first * torch.randn(visible, hidden), requires_grad=False)
        self.b = nn.Parameter(torch.zeros(visible), requires_grad=False)
        self.c = nn.Parameter(torch.zeros(hidden), requires_grad=False)

    def hidden_given(self, v: Tensor) -> Tensor:
        """Compute ``p(h_j = 1 | v)``, shape (n, V) to (n, H)."""
        return (self.c + v @ self.W).sigmoid()

    def visible_given(self, h: Tensor) -> Tensor:
        """Compute ``p(v_i = 1 | h)``, shape (n, H) to (n, V)."""
        return (self.b + h @ self.W.T).sigmoid()

    def free_energy(self, v: Tensor) -> Tensor:
        """Compute F(v), shape (n, V) to (n,), in nats: lower is more probable."""
        return -v @ self.b - softplus(self.c + v @ self.W).sum(dim=1)

    def forward(self, v: Tensor) -> Tensor:
        """Compute the free energy."""
        return self.free_energy(v)


class Correlations(NamedTuple):
    """The averages whose difference is the gradient; each has the shape of its parameter."""

    W: Tensor
    b: Tensor
    c: Tensor


def correlations(v: Tensor, on: Tensor) -> Correlations:
    """Average ``v h``, ``v`` and ``h`` over rows: minus the mean gradient of F when ``on = p(h | v)``."""
    return Correlations(v.T @ on / len(v), v.mean(dim=0), on.mean(dim=0))


def gibbs(machine: Machine, v: Tensor, sweeps: int, keys: Keys, name: str = "gibbs") -> Tensor:
    """Sweep ``v -> h -> v`` so many times, each unit drawn from its conditional law; shape (n, V) to (n, V)."""
    for j in range(sweeps):
        h = drawn(machine.hidden_given(v), keys, f"{name} h", j)
        v = drawn(machine.visible_given(h), keys, f"{name} v", j)
    return v


def drawn(p: Tensor, keys: Keys, name: str, index: int = 0) -> Tensor:
    """Draw units that are on with chances p."""
    return (keys.uniform(name, *p.shape, index=index) < p).to(p.dtype)


class RBM(Model[RBMConfig]):
    """The machine ``R``; rows are flattened."""

    averaged = ("R",)

    def build(self, config: RBMConfig, units: Units) -> None:
        """Make the parameters, and chains at random states."""
        if units.scale != "binary":
            raise ConfigError(
                'units are on or off: data must come with scale = "binary"',
                received=units.scale,
                remedy="Mend the preset.",
            )
        self.R = Machine(math.prod(units.shape), config.hidden, config.first)
        self.named(self.R, name="R")
        self.chains = torch.randint(2, (config.chains, len(self.R.b))).float().to(self.device)
        groups: list[dict[str, Any]] = [
            {"params": [self.R.W], "weight_decay": config.weight_decay},
            {"params": [self.R.b, self.R.c]},
        ]
        self.optimizers = {"R": SGD(groups, lr=config.lr, momentum=config.momentum)}

    @torch.no_grad()
    def step(self, batch: Batches, keys: Keys) -> Scalars:
        """Raise the data's probability, lower that of where k sweeps lead."""
        persistent = self.config.negative == "pcd"
        with full_precision(self.device):
            v = batch().flatten(1)
            start = self.chains if persistent else v
            fantasy = gibbs(self.R, start, self.config.k, keys)
            if persistent:
                self.chains = fantasy
            # The chances of h, not draws of it: the same average with less noise. Within the chain h must be drawn.
            up = correlations(v, self.R.hidden_given(v))
            down = correlations(fantasy, self.R.hidden_given(fantasy))
            for name, weight in self.R.named_parameters():
                weight.grad = getattr(down, name) - getattr(up, name)
            self.optimizers["R"].step()
            gap = self.R(v).mean() - self.R(fantasy).mean()
            return {"free_energy_gap": gap, "change": (up.W - down.W).norm(), "weights": self.R.W.norm()}

    def draw(self, n: int, keys: Keys, labels: Tensor | None = None) -> Tensor:
        """Run independent chains from random states; what burn-in is left depends on ``sweeps``."""
        v = drawn(torch.full((n, len(self.R.b)), 0.5, device=self.device), keys, "start")
        return gibbs(self.R, v, self.config.sweeps, keys).reshape(n, *self.units.shape)

    def free_energy(self, x: Tensor) -> Tensor:
        """Compute F of binary rows, shape (n,), in nats."""
        return self.R.free_energy(x.flatten(1))

    def log_partition(self) -> float:
        """Sum log Z exactly, in nats, where one side has at most 22 units."""
        return rbm_exact.log_partition(*(p.double().cpu().numpy() for p in (self.R.W, self.R.b, self.R.c)))

    def log_prob(self, x: Tensor) -> Tensor:
        """Evaluate log p of binary rows exactly, shape (n,), in nats."""
        return -self.free_energy(x).double() - self.log_partition()

    def buffers(self) -> dict[str, Tensor]:
        """Keep the persistent chains."""
        return {"chains": self.chains} if self.config.negative == "pcd" else {}

    def load_buffers(self, buffers: dict[str, Tensor]) -> None:
        """Take the chains up again."""
        self.chains = buffers.get("chains", self.chains)


class LogPartition(NamedTuple):
    """An estimate of log Z and its standard error, in nats."""

    estimate: float
    standard_error: float


@torch.no_grad()
def annealed_log_partition(
    machine: Machine, keys: Keys, *, chains: int = 200, temperatures: int = 1000, base: Tensor | None = None
) -> LogPartition:
    """Estimate log Z by annealed importance sampling.

    From a machine without weights, whose Z is known, to the machine itself, through ``log p_t(v) = (1 - t) a.v +
    t b.v + sum softplus(t (c + v W))``; the mean of exp(log weight) is unbiased for Z / Z_0 (Neal 2001).

    Parameters
    ----------
    machine : Machine
    keys : Keys
    chains, temperatures : int
    base : Tensor, optional
        Biases a of the first machine, shape (V,); logits of the pixels' shares bring it near the data. Those of the
        machine by default.

    Returns
    -------
    LogPartition
        The error is the relative one of the mean weight (delta method): it cannot see modes that no chain has met.
    """
    W, b, c = machine.W.double(), machine.b.double(), machine.c.double()
    a = b if base is None else base.double()
    times = torch.linspace(0, 1, temperatures + 1, dtype=torch.float64).tolist()

    def log_weight(v: Tensor, t: float) -> Tensor:
        return v @ ((1 - t) * a + t * b) + softplus(t * (c + v @ W)).sum(dim=1)

    v = drawn(a.sigmoid().expand(chains, -1), keys, "ais start")
    log_w = torch.zeros(chains, dtype=torch.float64, device=a.device)
    for j, (before, t) in enumerate(itertools.pairwise(times)):
        log_w += log_weight(v, t) - log_weight(v, before)
        h = drawn((t * (c + v @ W)).sigmoid(), keys, "ais h", j)
        v = drawn(((1 - t) * a + t * (b + h @ W.T)).sigmoid(), keys, "ais v", j)
    log_base = float(softplus(a).sum()) + len(c) * math.log(2)
    weight = (log_w - log_w.max()).exp()
    error = float(weight.std() / weight.mean()) / math.sqrt(chains)
    return LogPartition(log_base + float(torch.logsumexp(log_w, 0)) - math.log(chains), error)


MODEL = ModelSpec(
    name="rbm",
    summary="Restricted Boltzmann machine: CD-k and PCD, Gibbs sampling, exact and annealed log Z.",
    formula="E(v, h) = -b.v - c.h - v W h;  d log p / dW = <v h>_data - <v h>_model",
    paper="Smolensky 1986, Information processing in dynamical systems; Hinton 2002; Tieleman 2008",
    model=RBM,
    config=RBMConfig,
    abilities=frozenset({"free_energy", "log_prob"}),
)
