"""Two domains of digits with a known map between them, for translation without pairs.

Domain a is one half of the digits, domain b the known map of the *other* half: no image of b belongs to an image of a,
so a model cannot learn from pairs, while `true_map` says what the right answer was for every image. For models that do
learn from pairs there is side "pair": the known map of domain a itself, row by row.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from gandiag.core.checks import require_one_of
from gandiag.core.specs import DatasetSpec
from gandiag.datasets import _finite
from gandiag.datasets._laws import opens

Images = NDArray[np.float64]

_BRIGHTEST = _finite.GREY_RANGE[1]
_BOX = 3


def _invert(x: Images) -> Images:
    return _BRIGHTEST - x


def _rotate(x: Images) -> Images:
    return np.rot90(x, axes=(1, 2))


def _thicken(x: Images) -> Images:
    """Grey dilation: the brightest of each pixel and its four neighbours."""
    edged = np.pad(x, ((0, 0), (1, 1), (1, 1)))
    shifted = (edged[:, 1:-1, 1:-1], edged[:, :-2, 1:-1], edged[:, 2:, 1:-1], edged[:, 1:-1, :-2], edged[:, 1:-1, 2:])
    out: Images = np.maximum.reduce(shifted)
    return out


def _shift(x: Images) -> Images:
    """Move one pixel to the right; what leaves is lost, what enters is dark."""
    out = np.zeros_like(x)
    out[:, :, 1:] = x[:, :, :-1]
    return out


def _box(x: Images) -> Images:
    """Lay a bright square over the upper left corner."""
    out = x.copy()
    out[:, :_BOX, :_BOX] = _BRIGHTEST
    return out


MAPS: dict[str, Callable[[Images], Images]] = {
    "box": _box,
    "invert": _invert,
    "rotate": _rotate,
    "shift": _shift,
    "thicken": _thicken,
}


def true_map(images: Images, kind: str) -> Images:
    """Map images of domain a to domain b.

    Parameters
    ----------
    images : ndarray, shape (n, 8, 8)
        Grey levels 0 to 16.
    kind : {"invert", "rotate", "thicken", "shift", "box"}

    Returns
    -------
    ndarray, shape (n, 8, 8)
        Invert and rotate (a quarter turn, anticlockwise) lose nothing; the others do.
    """
    require_one_of(kind, MAPS, name="kind")
    return np.ascontiguousarray(MAPS[kind](np.asarray(images, dtype=np.float64)))


@opens("data:domains")
def open_domains(*, side: object = "a", kind: object = "invert") -> _finite.FiniteRows:
    """Open one domain.

    Parameters
    ----------
    side : {"a", "b", "pair"}
        a: the training half of the digits (899). b: the map of the test half (898). pair: the map of the training half.
    kind : {"invert", "rotate", "thicken", "shift", "box"}
        The map; domain a is the same for all.
    """
    which, name = str(side), str(kind)
    require_one_of(which, ("a", "b", "pair"), name="side")
    require_one_of(name, MAPS, name="kind")
    images, labels = _finite.digits("test" if which == "b" else "train")
    values = images if which == "a" else true_map(images, name)
    return _finite.FiniteRows(values, labels, kind="image", value_range=_finite.GREY_RANGE)


DATASET = DatasetSpec(
    name="domains",
    summary="Two domains of digits with a known map (side: a, b, pair; kind: invert, rotate, thicken, shift, box).",
    scheme="data",
    open=open_domains,
    source="made from the digits; true map known",
)
