"""Laws that never end: the base of all toys, Gaussian mixtures, noisy curves and discrete laws.

Each law draws independent rows and, where its density exists, evaluates it exactly (natural logarithm), so that what a
metric reports can be compared with the truth.
"""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ParamSpec, Protocol, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gandiag.core.options import refuse_unknown
from gandiag.core.samples import Kind, KnownModes, SampleSet
from gandiag.errors import ConfigError, ShapeError

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]

# Numbers held at once while densities are evaluated: 8 MB.
_TILE = 1 << 20


class Named(Protocol):
    """A sampler that can be renamed."""

    name: str


P = ParamSpec("P")
Opened = TypeVar("Opened", bound=Named)


def opens(address: str) -> Callable[[Callable[P, Opened]], Callable[P, Opened]]:
    """Make a function that opens a built-in refuse unknown options, and name what it opens by its full address."""

    def decorate(opener: Callable[P, Opened]) -> Callable[P, Opened]:
        known = list(inspect.signature(opener).parameters)

        @functools.wraps(opener)
        def opened(*args: P.args, **options: P.kwargs) -> Opened:
            refuse_unknown(options, known, of=address)
            law = opener(*args, **options)
            given = "&".join(f"{key}={value}" for key, value in options.items() if value is not None)
            law.name = f"{address}?{given}" if given else address
            return law

        return opened

    return decorate


def rows_asked_for(n: object) -> int:
    """Check a number of rows."""
    if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 1:
        raise ConfigError("the number of samples must be a whole number of at least 1", received=n, remedy="Mend it.")
    return int(n)


class Law:
    """A law that draws independent rows without end.

    Parameters
    ----------
    kind : {"vector", "image", "discrete"}
    value_range : (float, float), optional
        Range that the law stays in.
    modes : KnownModes, optional
        Exact modes, whose order is that of the labels.
    """

    size: int | None = None

    def __init__(
        self,
        *,
        kind: Kind = "vector",
        value_range: tuple[float, float] | None = None,
        modes: KnownModes | None = None,
    ) -> None:
        self.name = "law"
        self.kind, self.value_range, self.modes = kind, value_range, modes

    def sample(self, n: int, *, rng: np.random.Generator) -> SampleSet:
        """Draw ``n`` independent rows."""
        values, labels = self.draw(rows_asked_for(n), rng)
        return SampleSet(
            values=values,
            kind=self.kind,
            labels=labels,
            value_range=self.value_range,
            modes=self.modes,
            lag=1,
            source=self.name,
        )

    def draw(self, n: int, rng: np.random.Generator) -> tuple[NDArray[np.generic], NDArray[np.int64] | None]:
        """Draw values of shape (n, ...) and their labels, if any."""
        raise ConfigError("a law must say how it draws", received=type(self).__name__, remedy="Define `draw`.")


def points(x: ArrayLike, width: int) -> Matrix:
    """Read points at which a density is asked for, shape (n, width)."""
    array = np.asarray(x, dtype=np.float64)
    if array.ndim != 2 or array.shape[1] != width:
        raise ShapeError(
            f"points must have shape (n, {width})", received=f"shape {array.shape}", remedy="Pass one point per row."
        )
    return array


class GaussianMixture(Law):
    """A mixture of Gaussians, with exact density.

    Parameters
    ----------
    centres : array_like, shape (k, d)
    covariances : array_like, shape (k, d, d)
        Positive definite.
    weights : array_like, shape (k,), optional
        Positive; brought to sum 1. Equal by default.
    """

    def __init__(self, centres: ArrayLike, covariances: ArrayLike, weights: ArrayLike | None = None) -> None:
        self.centres = np.array(centres, dtype=np.float64)
        self.covariances = np.array(covariances, dtype=np.float64)
        k = len(self.centres)
        shares = np.ones(k) if weights is None else np.array(weights, dtype=np.float64)
        self.weights: Vector = shares / shares.sum()
        self._factors = np.linalg.cholesky(self.covariances)
        modes = KnownModes(centres=self.centres, covariances=self.covariances, weights=self.weights)
        # A law with one mode has no mode structure to be right or wrong about.
        super().__init__(modes=modes if k > 1 else None)

    def draw(self, n: int, rng: np.random.Generator) -> tuple[Matrix, NDArray[np.int64] | None]:
        """Draw the mode of each row, then the row."""
        k, d = self.centres.shape
        labels = rng.choice(k, size=n, p=self.weights) if k > 1 else np.zeros(n, dtype=np.int64)
        noise = rng.standard_normal((n, d))
        values = np.empty((n, d))
        for mode in range(k):
            rows = labels == mode
            values[rows] = self.centres[mode] + noise[rows] @ self._factors[mode].T
        return values, labels.astype(np.int64) if k > 1 else None

    def log_density(self, x: ArrayLike) -> Vector:
        """Evaluate the natural logarithm of the density at ``x``, shape (n, d) to (n,); O(n k d^2)."""
        from scipy.linalg import solve_triangular

        k, d = self.centres.shape
        at = points(x, d)
        logs = np.full(len(at), -np.inf)
        for mode in range(k):
            factor = self._factors[mode]
            z = solve_triangular(factor, (at - self.centres[mode]).T, lower=True)
            constant = math.log(self.weights[mode]) - np.log(np.diag(factor)).sum() - 0.5 * d * math.log(2 * math.pi)
            np.logaddexp(logs, constant - 0.5 * np.square(z).sum(axis=0), out=logs)
        return logs


def isotropic(k: int, d: int, sigma: float) -> NDArray[np.float64]:
    """Make ``k`` covariances ``sigma^2 I``: the argument is a standard deviation, not a variance."""
    return np.broadcast_to(np.eye(d) * sigma**2, (k, d, d)).copy()


def _uniform(u: Vector) -> Vector:
    return u


@dataclass(frozen=True, kw_only=True, eq=False)
class Curve:
    """A plane curve over the parameter t in [0, 1].

    Parameters
    ----------
    at : callable
        t of shape (m,) to points of shape (m, 2).
    length : float
        An upper bound of the arc length, which sets the number of quadrature nodes.
    quantile : callable
        Inverse distribution function of t; the identity where t is uniform.
    density : callable
        Density of t, matching ``quantile``.
    """

    at: Callable[[Vector], Matrix]
    length: float
    quantile: Callable[[Vector], Vector] = _uniform
    density: Callable[[Vector], Vector] = np.ones_like


class NoisyCurves(Law):
    """Equal shares of plane curves with isotropic Gaussian noise.

    The density is the integral of the noise density along each curve, by Gauss-Legendre quadrature on panels at most
    two standard deviations long: relative error below 1e-9 wherever the density is not negligible.

    Parameters
    ----------
    curves : sequence of Curve
        Labelled by their order where there are several.
    sigma : float
        Standard deviation of the noise, above 0.
    """

    _NODES = 16

    def __init__(self, curves: list[Curve], sigma: float) -> None:
        super().__init__()
        self.curves, self.sigma = curves, sigma

    def draw(self, n: int, rng: np.random.Generator) -> tuple[Matrix, NDArray[np.int64] | None]:
        """Draw the curve of each row, the place on it, and the noise."""
        labels = rng.integers(len(self.curves), size=n)
        u = rng.random(n)
        values = self.sigma * rng.standard_normal((n, 2))
        for i, curve in enumerate(self.curves):
            rows = labels == i
            values[rows] += curve.at(curve.quantile(u[rows]))
        return values, labels if len(self.curves) > 1 else None

    def log_density(self, x: ArrayLike) -> Vector:
        """Evaluate the natural logarithm of the density at ``x``, shape (n, 2) to (n,)."""
        at = points(x, 2)
        nodes, weights = self._quadrature
        rows = max(1, _TILE // len(nodes))
        log_scale = math.log(2 * math.pi * self.sigma**2)
        out = np.empty(len(at))
        for start in range(0, len(at), rows):
            block = at[start : start + rows]
            squared = np.square(block[:, None, :] - nodes[None, :, :]).sum(axis=2)
            logs = np.log(weights) - squared / (2 * self.sigma**2)
            top = logs.max(axis=1)
            out[start : start + rows] = top + np.log(np.exp(logs - top[:, None]).sum(axis=1)) - log_scale
        return out

    @functools.cached_property
    def _quadrature(self) -> tuple[Matrix, Vector]:
        """Nodes on all curves, shape (m, 2), with weights that sum to 1."""
        unit, unit_weights = np.polynomial.legendre.leggauss(self._NODES)
        nodes, weights = [], []
        for curve in self.curves:
            panels = max(4, math.ceil(curve.length / (2 * self.sigma)))
            edges = np.linspace(0.0, 1.0, panels + 1)
            half = 0.5 / panels
            t = (edges[:-1, None] + half + half * unit[None, :]).ravel()
            share = np.tile(unit_weights * half, panels) * curve.density(t) / len(self.curves)
            nodes.append(curve.at(t))
            weights.append(share)
        return np.concatenate(nodes), np.concatenate(weights)


class DiscreteLaw(Law):
    """Whole numbers 0 to N-1 with given probabilities.

    Parameters
    ----------
    pmf : array_like, shape (N,)
        Probabilities, brought to sum 1; zeros are allowed.
    """

    def __init__(self, pmf: ArrayLike) -> None:
        shares = np.array(pmf, dtype=np.float64)
        self.pmf: Vector = shares / shares.sum()
        super().__init__(kind="discrete", value_range=(0.0, float(len(shares) - 1)))

    def draw(self, n: int, rng: np.random.Generator) -> tuple[NDArray[np.int64], None]:
        """Draw values of shape (n, 1)."""
        return rng.choice(len(self.pmf), size=(n, 1), p=self.pmf).astype(np.int64), None

    def log_density(self, x: ArrayLike) -> Vector:
        """Evaluate the natural logarithm of the probability at ``x``, shape (n, 1) to (n,); -inf where it is 0."""
        at = points(x, 1)[:, 0]
        inside = (at >= 0) & (at < len(self.pmf)) & (at == np.floor(at))
        shares = np.where(inside, self.pmf[np.where(inside, at, 0).astype(np.int64)], 0.0)
        with np.errstate(divide="ignore"):
            logs: Vector = np.log(shares)
        return logs
