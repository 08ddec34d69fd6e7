"""Looking at a generator and a discriminator in the plane: samples, the manifold with its Jacobian, slopes of D."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gandiag.core.rng import stream
from gandiag.errors import ConfigError, ShapeError

Array = NDArray[np.float64]

SAMPLES, FRESH, REAL, ARROWS = 400, 20_000, 400, 100
MANIFOLD, CURVE, QUADRATURE = 21, 241, 32_768
_BLOCK = 8192
_GOLDEN = (math.sqrt(5) - 1) / 2


@dataclass(frozen=True, kw_only=True)
class Noise:
    """The law of the latents: independent columns, standard normal or uniform in [-1, 1].

    Parameters
    ----------
    width : int
    prior : {"normal", "uniform"}
    """

    width: int
    prior: str

    def __post_init__(self) -> None:
        if self.prior not in ("normal", "uniform") or self.width < 1:
            raise ConfigError(
                '`prior` must be "normal" or "uniform" (in [-1, 1]), and `latent` at least 1',
                received=f"{self.prior}, {self.width}",
                remedy="Wrap a generator of other noise in a function that maps from one of these.",
            )

    def draw(self, n: int, rng: np.random.Generator) -> Array:
        """Draw latents, shape (n, width)."""
        shape = (n, self.width)
        return rng.standard_normal(shape) if self.prior == "normal" else rng.uniform(-1.0, 1.0, shape)

    def quantile(self, u: Array) -> Array:
        """Invert the distribution function of one column."""
        from scipy.special import ndtri

        out: Array = ndtri(u) if self.prior == "normal" else 2 * u - 1
        return out

    def density(self, z: Array) -> Array:
        """Evaluate the density at latents of shape (n, width)."""
        if self.prior == "uniform":
            return np.full(len(z), 0.5**self.width)
        out: Array = np.exp(-0.5 * np.square(z).sum(axis=1)) / (2 * math.pi) ** (self.width / 2)
        return out

    def even(self) -> Array | None:
        """Lay latents that stand for equal shares of the law, where one or two columns allow it.

        In the plane a Kronecker sequence, not a grid: the rows of a grid would beat against those of the cells.
        """
        if self.width > 2:
            return None
        u = (np.arange(QUADRATURE) + 0.5) / QUADRATURE
        if self.width == 1:
            return self.quantile(u)[:, None]
        return self.quantile(np.column_stack([u, np.arange(1, QUADRATURE + 1) * _GOLDEN % 1.0]))

    def sheet(self, seed: int) -> tuple[Array, Array]:
        """Lay the latents of the manifold.

        Returns
        -------
        latents : ndarray, shape (R, C, width)
            A curve (R is 1) for one column; for more than two a slice through the origin in random directions.
        directions : ndarray, shape (1 or 2, width)
            Orthonormal; along columns, then along rows.
        """
        sides = (CURVE, 1) if self.width == 1 else (MANIFOLD, MANIFOLD)
        at = [self.quantile(np.linspace(0.01, 0.99, side)) if side > 1 else np.zeros(1) for side in sides]
        directions = np.eye(self.width)[:2]
        if self.width > 2:
            basis = stream(seed, "lab", "slice").standard_normal((self.width, 2))
            directions = np.linalg.qr(basis)[0].T
        x, y = np.meshgrid(at[0], at[1])
        latents = x[..., None] * directions[0]
        return (latents if self.width == 1 else latents + y[..., None] * directions[1]), directions


@dataclass(eq=False)
class Eyes:
    """Calls both networks on host arrays; makes no lasting change by itself (see `gandiag.monitor.undisturbed`).

    Parameters
    ----------
    generator : callable
        Latents (n, width) -> samples (n, 2), torch tensors.
    discriminator : callable, optional
        Samples (n, 2) -> n outputs.
    """

    generator: Callable[[Any], Any]
    discriminator: Callable[[Any], Any] | None
    _places: dict[int, tuple[Any, Any]] = field(default_factory=dict)

    def made(self, z: Array) -> Array:
        """Map latents to samples, shape (n, 2)."""
        import torch

        with torch.no_grad():
            return np.concatenate([self._host(self._made(part)) for part in _blocks(z)])

    def judged(self, x: Array) -> Array:
        """Give D's outputs, shape (n,)."""
        import torch

        with torch.no_grad():
            return np.concatenate([self._host(self._judged(part)) for part in _blocks(x)])

    def slopes(self, x: Array) -> tuple[Array, Array]:
        """Give D's outputs (n,) and their gradients (n, 2) at points."""
        import torch

        with torch.enable_grad():
            at = self._tensor(x, self.discriminator).requires_grad_(True)
            out = self._judged(at)
            (slope,) = torch.autograd.grad(out.sum(), at)
        return self._host(out), self._host(slope)

    def sheet(self, z: Array, directions: Array, noise: Noise) -> tuple[Array, Array]:
        """Map latents (n, width) and tell how dense their images lie.

        Returns
        -------
        images : ndarray, shape (n, 2)
        density : ndarray, shape (n,)
            ``prior / |det J|``, on a curve ``prior / speed``; negative where the map turns the plane over (a fold).
            Of a slice of more than two latents, the same with the two-dimensional prior: how the slice is stretched.
        """
        import torch

        with torch.enable_grad():
            at = self._tensor(z, self.generator).requires_grad_(True)
            out = self._made(at)
            # Rows do not hang on each other in evaluation mode, so one backward pass gives a row of every Jacobian.
            rows = [self._host(torch.autograd.grad(out[:, i].sum(), at, retain_graph=True)[0]) for i in range(2)]
        jacobian = np.stack(rows, axis=1) @ directions.T
        flat = Noise(width=len(directions), prior=noise.prior)
        prior = flat.density(z @ directions.T)
        area = np.linalg.norm(jacobian[:, :, 0], axis=1) if len(directions) == 1 else np.linalg.det(jacobian)
        turned = np.where(area < 0, -1.0, 1.0)
        return self._host(out), turned * prior / np.maximum(np.abs(area), 1e-12)

    def _made(self, z: Any) -> Any:
        out = self.generator(self._tensor(z, self.generator))
        if tuple(out.shape) != (len(z), 2):
            raise ShapeError(
                "the generator of a lab must map n latents to samples of shape (n, 2)",
                received=f"{len(z)} latents to shape {tuple(out.shape)}",
                remedy="The lab is for runs in the plane; watch others with gandiag.Monitor.",
            )
        return out

    def _judged(self, x: Any) -> Any:
        if self.discriminator is None:
            raise ConfigError("there is no discriminator to ask", received=None, remedy="Pass discriminator=D.")
        out = self.discriminator(self._tensor(x, self.discriminator))
        if out.numel() != len(x):
            raise ShapeError(
                "the discriminator of a lab must give one number per sample",
                received=f"{len(x)} samples to shape {tuple(out.shape)}",
                remedy="Pass discriminator=lambda x: D(x)[:, 0], or what else gives one.",
            )
        return out.reshape(-1)

    def _tensor(self, values: Any, net: Any) -> Any:
        import torch

        if isinstance(values, torch.Tensor):
            return values
        device, dtype = self._place(net)
        return torch.tensor(np.asarray(values), dtype=dtype, device=device)  # a copy: rows may be frozen

    def _place(self, net: Any) -> tuple[Any, Any]:
        """Find where a network lives; a plain function is asked for the modules that it uses."""
        import torch

        from gandiag.monitor.restoring import modules_within

        if id(net) not in self._places:
            weights = [w for module in modules_within(net) for w in module.parameters()]
            first = weights[0] if weights else torch.empty(0)
            self._places[id(net)] = (first.device, first.dtype)
        return self._places[id(net)]

    def _host(self, tensor: Any) -> Array:
        out: Array = tensor.detach().double().cpu().numpy()
        return out


def _blocks(rows: Array) -> list[Array]:
    return [rows[start : start + _BLOCK] for start in range(0, len(rows), _BLOCK)]
