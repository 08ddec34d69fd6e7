"""A GAN of a few hundred weights, with dropout and BatchNorm: everything that a look could disturb."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn

LATENT = 3
BATCH = 32


class SmallGan:
    """Trains as anybody's script does: global generators of three libraries, two optimisers, a loop."""

    def __init__(self) -> None:
        random.seed(0)
        np.random.seed(0)  # noqa: NPY002
        torch.manual_seed(0)
        self.G = nn.Sequential(nn.Linear(LATENT, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.1), nn.Linear(16, 2))
        self.D = nn.Sequential(nn.Linear(2, 16), nn.LeakyReLU(0.2), nn.Dropout(0.2), nn.Linear(16, 1))
        self.opt_g = torch.optim.Adam(self.G.parameters(), 1e-3, betas=(0.5, 0.999))
        self.opt_d = torch.optim.Adam(self.D.parameters(), 1e-3, betas=(0.5, 0.999))
        self.data = torch.from_numpy(np.random.default_rng(0).normal(size=(600, 2))).float()

    @property
    def modules(self) -> dict[str, Any]:
        return {"G": self.G, "D": self.D}

    def sample(self, n: int) -> torch.Tensor:
        return self.G(torch.randn(n, LATENT))

    def step(self) -> dict[str, torch.Tensor]:
        bce = nn.functional.binary_cross_entropy_with_logits
        jitter = random.random() * 1e-3 + float(np.random.normal()) * 1e-3  # noqa: NPY002
        x = self.data[torch.randint(len(self.data), (BATCH,))] + jitter
        d_loss = bce(self.D(x), torch.ones(BATCH, 1)) + bce(self.D(self.sample(BATCH).detach()), torch.zeros(BATCH, 1))
        self.opt_d.zero_grad()
        d_loss.backward()
        self.opt_d.step()
        g_loss = bce(self.D(self.sample(BATCH)), torch.ones(BATCH, 1))
        self.opt_g.zero_grad()
        g_loss.backward()
        self.opt_g.step()
        return {"D": d_loss, "G": g_loss}

    def weights(self) -> torch.Tensor:
        """Every parameter and buffer, the optimisers' moments, and the next draw of each generator."""
        held = [t.detach().double().ravel() for m in (self.G, self.D) for t in m.state_dict().values()]
        for optimiser in (self.opt_g, self.opt_d):
            held += [v.double().ravel() for s in optimiser.state.values() for v in s.values()]
        nexts = torch.tensor([random.random(), np.random.rand(), float(torch.rand(()))])  # noqa: NPY002
        return torch.cat([*held, nexts.double()])


def trained(steps: int, watch: Callable[[SmallGan], Any] | None = None) -> tuple[torch.Tensor, Any]:
    """Train, with an observer or without one."""
    gan = SmallGan()
    monitor = None if watch is None else watch(gan)
    for step in range(steps):
        losses = gan.step()
        if monitor is not None:
            monitor.step(step, losses=losses, examples=BATCH)
    if monitor is not None:
        monitor.close()
    return gan.weights(), monitor
