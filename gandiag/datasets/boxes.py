"""Digits with and without a square in their corner, of which some are brighter than others: an object and its amount.

Domain a is one half of the digits with a square in the upper left corner, domain b the other half without. Where the
square of one image should be put on another, or taken away, the right answer is known; so is how much of it there was.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gandiag.core.checks import require_one_of
from gandiag.core.rng import stream
from gandiag.core.specs import DatasetSpec
from gandiag.datasets import _finite
from gandiag.datasets._laws import opens

Images = NDArray[np.float64]

SIDES = ("a", "b")
FAINTEST, BRIGHTEST = 6, 16
SIZE = 3


def boxed(images: ArrayLike, amounts: ArrayLike) -> Images:
    """Lay a square over the corner of each image.

    Parameters
    ----------
    images : array_like, shape (n, 8, 8)
    amounts : array_like, shape (n,)
        Brightness of the square, 0 to 16.
    """
    out = np.array(images, dtype=np.float64)
    out[:, :SIZE, :SIZE] = np.asarray(amounts, dtype=np.float64)[:, None, None]
    return out


def read_amounts(images: ArrayLike) -> NDArray[np.float64]:
    """Read the brightness of the square, shape (n,), off its outer edge, which hardly any digit touches."""
    out: NDArray[np.float64] = np.asarray(images, dtype=np.float64)[:, :SIZE, 0].mean(axis=1)
    return out


def amounts_of_boxes() -> NDArray[np.float64]:
    """Give the brightness of every square of domain a, shape (898,), in the order of its rows: 6 to 16."""
    n = len(_finite.digits("test")[0])
    return stream(0, "dataset", "boxes").integers(FAINTEST, BRIGHTEST, size=n, endpoint=True).astype(np.float64)


@opens("data:boxes")
def open_boxes(*, side: object = "a") -> _finite.FiniteRows:
    """Open one domain.

    Parameters
    ----------
    side : {"a", "b"}
        a: the test half of the digits (898), each with a square. b: the training half (899), without.
    """
    which = str(side)
    require_one_of(which, SIDES, name="side")
    images, labels = _finite.digits("test" if which == "a" else "train")
    values = boxed(images, amounts_of_boxes()) if which == "a" else images
    return _finite.FiniteRows(values, labels, kind="image", value_range=_finite.GREY_RANGE)


DATASET = DatasetSpec(
    name="boxes",
    summary="Digits with a square of known brightness in the corner, and digits without (option side: a, b).",
    scheme="data",
    open=open_boxes,
    source="made from the digits; every square known",
)
