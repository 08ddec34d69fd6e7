"""Sheets of what a generator makes between latents, and of sums of latents: what it has learnt, laid out to be seen.

A sheet is looked at and proves nothing. Smooth ways between latents are what a generator has that learnt more than its
training rows (Radford, Metz & Chintala 2016, "Unsupervised representation learning with DCGANs", section 6); sums of
single latents are unstable, so means of several are taken there and here.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from gandiag.core.checks import require_one_of, require_seed
from gandiag.core.options import whole
from gandiag.core.rng import stream
from gandiag.errors import ConfigError, ShapeError
from gandiag.plots._pictures import pictures
from gandiag.plots._style import COLUMN, SMALL, new_axes, write
from gandiag.sources import open_sampler

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[Any]
Path = Literal["great_circle", "line"]
_LETTERS = 9  # in a line above a column
_GAP = 0.08  # of an image, as in the grids of `gandiag.plots`


@dataclass(frozen=True, kw_only=True, eq=False)
class LatentSheet:
    """Images in rows and columns, with the latents that they come from.

    Attributes
    ----------
    images : ndarray, shape (rows, columns, height, width) or (rows, columns, height, width, channels)
    latents : ndarray, shape (rows, columns, ...)
    columns : tuple of str
        What the columns are called; empty strings for none.
    """

    images: Array
    latents: Array
    columns: tuple[str, ...]


def interpolation(
    generator: Any, ends: Any, *, columns: int = 8, path: Path = "great_circle", **opening: Any
) -> LatentSheet:
    """Make images along ways from one latent to another.

    Parameters
    ----------
    generator : torch module, or callable of latents
        As `gandiag.open_sampler` takes it.
    ends : array, shape (rows, 2, ...)
        First and last latent of each row.
    columns : int
        Images in a row, both ends among them; at least 2.
    path : {"great_circle", "line"}
        Along a line between latents of many columns the norm sinks to 0.7 of what the generator was trained on; along
        a great circle it goes from that of one end to that of the other (White 2016, "Sampling generative networks",
        section 2.1). Opposite and parallel ends are joined by a line.
    **opening
        As of `gandiag.open_sampler`.

    Returns
    -------
    LatentSheet

    Raises
    ------
    ShapeError
        When ``ends`` are no pairs.
    ConfigError
        For less than two columns, or samples that are no images.
    """
    pairs = np.asarray(ends)
    if pairs.ndim < 3 or pairs.shape[1] != 2 or len(pairs) == 0:
        raise ShapeError(
            "`ends` must hold pairs of latents, shape (rows, 2, ...)", received=f"{pairs.shape}", remedy="Stack them."
        )
    count = whole(columns, "columns", at_least=2)
    require_one_of(path, _WAYS, name="path")
    flat = pairs.reshape(len(pairs), 2, -1).astype(np.float64)
    at = np.linspace(0.0, 1.0, count)
    ways = np.stack([_WAYS[path](first, last, at) for first, last in flat])
    latents = ways.reshape(len(pairs), count, *pairs.shape[2:]).astype(pairs.dtype, copy=False)
    return _made(generator, latents, tuple("" for _ in at), opening)


def arithmetic(generator: Any, having: Any, lacking: Any, start: Any, *, seed: int = 0, **opening: Any) -> LatentSheet:
    """Add what one group of latents has and another lacks to further latents, beside a random step of that length.

    Parameters
    ----------
    generator : torch module, or callable of latents
    having, lacking : array, shapes (k, ...) and (l, ...)
        Latents of samples with a trait, and without it; their means are taken.
    start : array, shape (rows, ...)
        Latents that the trait is added to.
    seed : int
        Of the random direction.
    **opening
        As of `gandiag.open_sampler`.

    Returns
    -------
    LatentSheet
        Columns: the latents as they are, with the trait added, and with a random step of the same length. Where the
        last two look alike the trait is not what was added.

    Raises
    ------
    ShapeError
        When the latents are not of one shape.
    ConfigError
        When the samples are no images.
    """
    require_seed(seed)
    groups = [np.asarray(group) for group in (having, lacking, start)]
    if any(g.ndim < 2 or len(g) == 0 or g.shape[1:] != groups[0].shape[1:] for g in groups):
        raise ShapeError(
            "`having`, `lacking` and `start` must hold latents of one shape",
            received=", ".join(str(g.shape) for g in groups),
            remedy="Pass arrays of shape (rows, ...).",
        )
    trait = groups[0].mean(axis=0) - groups[1].mean(axis=0)
    step = stream(seed, "latent arithmetic").standard_normal(trait.shape)
    step *= np.linalg.norm(trait) / max(float(np.linalg.norm(step)), 1e-300)
    rows = [groups[2], groups[2] + trait, groups[2] + step]
    latents = np.stack(rows, axis=1).astype(groups[2].dtype, copy=False)
    return _made(generator, latents, ("as it is", "with the trait", "a random step"), opening)


def plot_sheet(sheet: LatentSheet, *, ax: Axes | None = None) -> Axes:
    """Draw a sheet.

    Parameters
    ----------
    sheet : LatentSheet
    ax : matplotlib.axes.Axes, optional
        Drawn into; otherwise a figure is made, which pyplot does not keep.

    Returns
    -------
    matplotlib.axes.Axes
    """
    rows, columns = sheet.images.shape[:2]
    each = COLUMN / columns if columns > 4 else 0.62
    titled = any(sheet.columns)
    if ax is None:
        ax = new_axes(width=each * columns + 0.1, height=each * rows + (0.45 if titled else 0.15))
    flat = sheet.images.reshape(rows * columns, *sheet.images.shape[2:])
    pictures(ax, flat, like=flat, columns=columns)
    width = 1.0 / (columns + _GAP * (columns - 1))
    for i, words in enumerate(sheet.columns):
        if words:
            write(ax, width * (0.5 + i * (1.0 + _GAP)), 1.02, textwrap.fill(words, _LETTERS), transform=ax.transAxes,
                  ha="center", va="bottom", fontsize=SMALL)  # fmt: skip
    return ax


def _line(one: Array, other: Array, at: Array) -> Array:
    found: Array = one + at[:, None] * (other - one)
    return found


def _great_circle(one: Array, other: Array, at: Array) -> Array:
    """Turn from one direction to the other at even speed, while the norm goes from one's to the other's."""
    norms = float(np.linalg.norm(one)), float(np.linalg.norm(other))
    if min(norms) == 0.0:
        return _line(one, other, at)
    cosine = float(np.clip(one @ other / (norms[0] * norms[1]), -1.0, 1.0))
    angle = float(np.arccos(cosine))
    if np.sin(angle) < 1e-6:
        return _line(one, other, at)
    turned = np.sin((1.0 - at) * angle)[:, None] * one / norms[0] + np.sin(at * angle)[:, None] * other / norms[1]
    found: Array = turned / np.sin(angle) * (norms[0] + at * (norms[1] - norms[0]))[:, None]
    return found


_WAYS: Mapping[str, Callable[[Array, Array, Array], Array]] = {"great_circle": _great_circle, "line": _line}


def _made(generator: Any, latents: Array, columns: tuple[str, ...], opening: dict[str, Any]) -> LatentSheet:
    """Run the generator on given latents as a sampler is run: in evaluation mode, given back as it was."""
    count = latents.shape[0] * latents.shape[1]
    flat = np.ascontiguousarray(latents.reshape(count, *latents.shape[2:]))
    sampler = open_sampler(generator, latent=lambda n: flat[:n], **opening)
    made = sampler.sample(count, rng=np.random.default_rng(0))
    if made.kind != "image":
        raise ConfigError(
            "a sheet shows images", received=f"samples of shape {made.values.shape[1:]}", remedy="Name an image model."
        )
    return LatentSheet(
        images=made.values.reshape(*latents.shape[:2], *made.values.shape[1:]), latents=latents, columns=columns
    )
