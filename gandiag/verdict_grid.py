"""What a discriminator says of single images: real ones and made ones, in order from least to most real.

The board of a playground shows D's percentages under images as they come. In order one sees what they say: which real
images D rejects, and which made ones pass. The images shown are evenly spaced by rank, so that a grid stands for all
that were judged; a grid is looked at and proves nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gandiag.core.options import whole
from gandiag.errors import ShapeError
from gandiag.monitor.game import outputs
from gandiag.monitor.restoring import undisturbed
from gandiag.plots._pictures import montage
from gandiag.plots._style import INK, SMALL, WRONG, labels, pair_of, write

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[Any]
_COLUMNS = 8
_TALL = 0.42  # of an image: the line of percentages below it


@dataclass(frozen=True, kw_only=True, eq=False)
class VerdictGrid:
    """Images of either side with D's verdicts, from least to most real.

    Attributes
    ----------
    real, fake : ndarray, shape (k, height, width) or (k, height, width, channels)
    on_real, on_fake : ndarray, shape (k,)
        Probability of "real" that D gives each.
    rejected, passed : float
        Shares of all judged real images that D calls made, and of all judged made ones that it calls real.
    judged : tuple of int
        How many real and how many made images were judged.
    """

    real: Array
    fake: Array
    on_real: Array
    on_fake: Array
    rejected: float
    passed: float
    judged: tuple[int, int]


def verdict_grid(discriminator: Any, real: Any, fake: Any, *, count: int = 32) -> VerdictGrid:
    """Ask a discriminator about images, and keep some of them in order of its verdicts.

    Parameters
    ----------
    discriminator : torch module, or callable of a batch
        Returns one logit per image; it is put into evaluation mode meanwhile, and given back as it was.
    real, fake : torch tensor or ndarray, shape (n, height, width) or (n, channels, height, width)
        As the discriminator takes them.
    count : int
        Images that are kept of each side; fewer where fewer are given.

    Returns
    -------
    VerdictGrid

    Raises
    ------
    ShapeError
        For anything but images.
    SamplerContractError
        When the discriminator returns anything but one number per image.
    """
    import torch

    most = whole(count, "count", at_least=1)
    kept, shares, judged = [], [], []
    with torch.no_grad(), undisturbed([discriminator] if isinstance(discriminator, torch.nn.Module) else []):
        for name, side, called_wrongly in (("real", real, np.less), ("fake", fake, np.greater_equal)):
            rows = side if isinstance(side, torch.Tensor) else torch.as_tensor(np.asarray(side))
            if rows.ndim not in (3, 4) or len(rows) == 0:
                raise ShapeError(
                    f"`{name}` must hold images, shape (n, height, width) or (n, channels, height, width)",
                    received=f"{tuple(rows.shape)}",
                    remedy="Reshape the rows.",
                )
            found = torch.sigmoid(outputs(discriminator, rows)).cpu().numpy()
            order = np.argsort(found, kind="stable")
            picked = order[np.linspace(0, len(order) - 1, min(most, len(order))).round().astype(int)]
            images = rows.detach().cpu().numpy()
            kept.append((np.moveaxis(images, 1, -1)[picked] if images.ndim == 4 else images[picked], found[picked]))
            shares.append(float(called_wrongly(found, 0.5).mean()))
            judged.append(len(rows))
    (seen, on_real), (made, on_fake) = kept
    return VerdictGrid(
        real=seen, fake=made, on_real=on_real, on_fake=on_fake, rejected=shares[0], passed=shares[1],
        judged=(judged[0], judged[1]),
    )  # fmt: skip


def plot_verdicts(grid: VerdictGrid, *, ax: Any = None) -> Any:
    """Draw both sides, with D's probability of "real" in per cent below each image.

    Parameters
    ----------
    grid : VerdictGrid
    ax : pair of matplotlib.axes.Axes, optional
        Drawn into, real first; otherwise a figure is made, which pyplot does not keep.

    Returns
    -------
    ndarray of matplotlib.axes.Axes, shape (2,)
        Verdicts that are wrong are bold and have a mark. A bar as long as its image is wide is certainty of "real".
    """
    rows = -(-max(len(grid.real), len(grid.fake)) // _COLUMNS)
    pair = pair_of(ax, height=0.62 * rows + 0.3)
    low, high = float(grid.real.min()), float(grid.real.max())
    sides = (
        (
            grid.real,
            grid.on_real,
            grid.on_real < 0.5,
            f"real: D rejects {round(grid.rejected * grid.judged[0])} of {grid.judged[0]}",
        ),
        (
            grid.fake,
            grid.on_fake,
            grid.on_fake >= 0.5,
            f"made: D passes {round(grid.passed * grid.judged[1])} of {grid.judged[1]}",
        ),
    )
    for axes, (images, said, wrong, title) in zip(pair, sides, strict=True):
        _images(axes, images, low, high)
        _bars(axes, said)
        for i, (value, amiss) in enumerate(zip(said, wrong, strict=True)):
            style: dict[str, Any] = {"color": WRONG, "fontweight": "bold"} if amiss else {"color": INK}
            at = (i % _COLUMNS + 0.5, (i // _COLUMNS) * (1.0 + _TALL) + 1.06)
            write(axes, *at, f"{100 * value:.0f}{'!' if amiss else ''}", ha="center", va="top",
                  **{"fontsize": SMALL - 0.5, **style})  # fmt: skip
        labels(axes, title=title)
    return pair


def _bars(ax: Axes, said: Array) -> None:
    """Draw each probability as a bar, as long as the image is wide at 1."""
    at = np.arange(len(said))
    tops = (at // _COLUMNS) * (1.0 + _TALL) + 1.0
    ax.barh(tops, 0.92 * said, left=at % _COLUMNS + 0.04, height=0.07, color=INK, linewidth=0)


def _images(ax: Axes, images: Array, low: float, high: float) -> None:
    """Lay images out in rows, with room below each; on the scale of the real ones."""
    height, width = images.shape[1:3]
    for i, image in enumerate(images):
        left, top = i % _COLUMNS + 0.04, (i // _COLUMNS) * (1.0 + _TALL)
        span = 0.92 / max(height, width)
        extent = (left, left + span * width, top + span * height, top)
        ax.imshow(montage(image[None], low, high, columns=1), extent=extent, interpolation="nearest", origin="upper")
    rows = -(-len(images) // _COLUMNS)
    ax.set(xlim=(0.0, float(_COLUMNS)), ylim=(rows * (1.0 + _TALL), 0.0), aspect="equal")
    ax.set_axis_off()
