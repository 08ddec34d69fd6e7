"""Where the kernel sees a difference: the MMD witness on points of the plane, or its extremes among images."""

from __future__ import annotations

from typing import Any

import numpy as np

from gandiag.core.report import Report
from gandiag.core.results import Result
from gandiag.core.specs import PlotSpec
from gandiag.plots._evidence import Array, both, example_rows, examples, is_image, kept
from gandiag.plots._pictures import pictures
from gandiag.plots._style import FAKES, SMALL, WRONG, fake_name, labels, nothing_to_draw, pair_of, tidy
from gandiag.plots._words import find, one

_METRIC = "mmd"
_IMAGES = 16


def plot_witness_map(report: Report, fake: int = 0, *, ax: Any = None) -> Any:
    """Draw where the witness says "more real than fake", and where the contrary.

    Parameters
    ----------
    report : Report
    fake : int
        Index of the sampler.
    ax : pair of matplotlib.axes.Axes, optional
        Drawn into; otherwise a figure is made, which pyplot does not keep.

    Returns
    -------
    ndarray of matplotlib.axes.Axes, shape (2,)

    Notes
    -----
    The witness at a point is the mean kernel to the real rows less that to the fake ones. In the plane, both sides'
    examples are coloured by it: orange and ▲ where there is too little fake, blue and ▼ where there is too much, pale
    where both agree. For images the examples with the largest and the smallest witness are shown.

    Raises
    ------
    ConfigError
        When no witness was kept, or the examples are neither images nor points of the plane, or it is not known which
        rows they are.
    """
    result = find(one(report, fake), _METRIC)
    found = _witness(report, fake, result)
    if found is None:
        raise nothing_to_draw("witness_map", "no witness of images or of points of the plane")
    pair = pair_of(ax, height=3.0)
    if is_image(report, "real"):
        _images(pair, report, fake, found)
    else:
        _points(pair, report, fake, found)
    return pair


def _witness(report: Report, fake: int, result: Result | None) -> tuple[Array, Array] | None:
    """Give the witness at the examples of both sides."""
    found = kept(report, fake, _METRIC, "witness", "is_real")
    if result is None or found is None:
        return None
    witness, is_real = found[0].astype(float), found[1].astype(bool)
    rows = example_rows(report, "real", result), example_rows(report, fake, result)
    drawable = is_image(report, "real") and is_image(report, fake)
    flat = all(examples(report, side).ndim == 2 and examples(report, side).shape[1] == 2 for side in both(fake))
    if min(map(len, rows)) == 0 or min(r.min() for r in rows) < 0 or not (drawable or flat):
        return None
    return witness[is_real][rows[0]], witness[~is_real][rows[1]]


def _points(pair: Any, report: Report, fake: int, found: tuple[Array, Array]) -> None:
    from matplotlib.colors import LinearSegmentedColormap

    colours = LinearSegmentedColormap.from_list("witness", [FAKES[0], "#d3d6dc", WRONG])
    most = max(float(np.abs(np.concatenate(found)).max()), 1e-12)
    pooled = np.concatenate([examples(report, side) for side in both(fake)]).astype(float)
    low, high = np.quantile(pooled, 0.002, axis=0), np.quantile(pooled, 0.998, axis=0)
    margin = 0.06 * np.where(high > low, high - low, 1.0)
    drawn: Any = None
    for axes, side, values, name in zip(pair, both(fake), found, ("real", fake_name(report, fake)), strict=True):
        at = examples(report, side).astype(float)
        # The sign is told by the marker too, for in grey both ends of the scale look alike.
        for marker, mine in (("v", values < 0), ("^", values >= 0)):
            drawn = axes.scatter(at[mine, 0], at[mine, 1], c=values[mine], cmap=colours, vmin=-most, vmax=most, s=14,
                                 marker=marker, linewidths=0)  # fmt: skip
        axes.set(xlim=(low[0] - margin[0], high[0] + margin[0]), ylim=(low[1] - margin[1], high[1] + margin[1]))
        tidy(axes)
        labels(axes, title=name, x="first column")
    labels(pair[0], y="second column")
    pair[1].tick_params(labelleft=False)
    _bar(pair, drawn, most)


def _bar(pair: Any, drawn: Any, most: float) -> None:
    """Say beside the points what their colours mean, within the axes, so that none are added."""
    place = pair[1].inset_axes([1.03, 0.1, 0.035, 0.8])
    bar = pair[1].figure.colorbar(drawn, cax=place, ticks=[-0.8 * most, 0.0, 0.8 * most])
    bar.ax.set_yticklabels(["▼ too\nmuch\nfake", "equal", "▲ too\nlittle\nfake"], fontsize=SMALL, parse_math=False)
    bar.ax.tick_params(length=0)
    bar.outline.set_visible(False)


def _images(pair: Any, report: Report, fake: int, found: tuple[Array, Array]) -> None:
    like = examples(report, "real")
    titles = ("real, and too little fake there", f"{fake_name(report, fake)}, too much of it")
    for axes, side, order, title in zip(
        pair, both(fake), (np.argsort(-found[0]), np.argsort(found[1])), titles, strict=True
    ):
        pictures(axes, examples(report, side)[order[:_IMAGES]], like=like)
        labels(axes, title=title)


def applies(report: Report, fake: int) -> bool:
    """Tell whether the witness is known at examples that can be drawn."""
    return _witness(report, fake, find(one(report, fake), _METRIC)) is not None


PLOT = PlotSpec(
    name="witness_map",
    summary="Where the kernel sees too little and where too much of the fake: points of the plane, or images.",
    draw=plot_witness_map,
    applies=applies,
    panels=2,
)
