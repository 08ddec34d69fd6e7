"""The data's side of a lab: rows to draw, shares of cells (exact where the density is known), and the floor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gandiag.core.rng import stream
from gandiag.core.samples import KnownModes
from gandiag.core.specs import DATASETS
from gandiag.core.wording import printable
from gandiag.errors import ShapeError
from gandiag.lab.cells import Density, View, exact_shares, floors
from gandiag.lab.looking import FRESH, REAL
from gandiag.sources import open_sampler, parse_address

Array = NDArray[np.float64]

CELLS = 40


@dataclass(frozen=True, kw_only=True, eq=False)
class RealSide:
    """What is known about the data before training.

    Parameters
    ----------
    name : str
    shown : ndarray, shape (B, 2)
        Rows to draw.
    view : View
    shares : ndarray, shape (cells * cells + 1,)
        Of every cell; the last is outside.
    exact : bool
        Whether ``shares`` are integrals of the known density, not counts.
    floors : dict
        Divergence -> (mean, 97.5 % point) of a perfect generator.
    modes : KnownModes, optional
    """

    name: str
    shown: Array
    view: View
    shares: Array
    exact: bool
    floors: dict[str, tuple[float, float]]
    modes: KnownModes | None

    @classmethod
    def of(cls, real: Any, density: Density | None, seed: int) -> RealSide:
        """Open the data and measure them: a second for mixtures and moons, half a minute for the spiral."""
        sampler = open_sampler(real, lag=1)
        n = min(FRESH, sampler.size or FRESH)
        drawn = sampler.sample(n, rng=stream(seed, "lab", "real"))
        rows = np.asarray(drawn.values, dtype=np.float64)
        if rows.ndim != 2 or rows.shape[1] != 2:
            raise ShapeError(
                "the data of a lab must be rows of two numbers",
                received=f"{sampler.name} of shape {rows.shape}",
                remedy="The lab is for runs in the plane; watch others with gandiag.Monitor.",
            )
        view = View.around(rows, CELLS)
        known = density or known_density(real)
        shares = view.counts(rows) / n if known is None else exact_shares(known, view, rows)
        found = floors(shares, FRESH, stream(seed, "lab", "floor"), real=n if known is None else None)
        name = printable(real if isinstance(real, str) else sampler.name, longest=300)
        return cls(
            name=name,
            shown=rows[:REAL],
            view=view,
            shares=shares,
            exact=known is not None,
            floors=found,
            modes=drawn.modes,
        )

    @property
    def cells(self) -> Array:
        """Shares as a square, rows of rising y, without what is outside."""
        return self.shares[:-1].reshape(self.view.cells, self.view.cells)

    def modes_of(self, rows: Array) -> dict[str, float]:
        """Count the modes that hold at least a tenth of their share, and the share of rows within 3 sd of a mode."""
        if self.modes is None:
            return {}
        distance = np.stack(
            [
                np.square(np.linalg.solve(np.linalg.cholesky(cov), (rows - centre).T)).sum(axis=0)
                for centre, cov in zip(self.modes.centres, self.modes.covariances, strict=True)
            ]
        )
        near = distance.min(axis=0) <= 9.0
        counts = np.bincount(distance.argmin(axis=0)[near], minlength=len(distance))
        held = counts >= 0.1 * self.modes.weights * len(rows)
        return {"modes": float(held.sum()), "within_3sd": float(near.mean())}


def known_density(real: Any) -> Density | None:
    """Find the density of a law that has one: its own ``log_density``, or that of an undistorted built-in."""
    own: Density | None = getattr(real, "log_density", None)
    if own is not None or not isinstance(real, str):
        return own
    address = parse_address(real)
    if address.form != "builtin" or address.distortions or address.base not in DATASETS.names():
        return None
    found: Density | None = getattr(DATASETS.get(address.base).open(**address.options), "log_density", None)
    return found
