"""Two domains that share an angle and nothing else: hands of a clock, and horizons.

Domain a holds thin hands, domain b dark and bright halves; every picture is one known angle, drawn for each domain by
itself, so no two pictures belong together. What a translation makes of the angle can be read off its pictures, and that
is how DiscoGAN's authors judged theirs (Kim et al. 2017, section 4.2, with cars).
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
# Radians to either side of upright: less than a quarter turn, so that a reversal cannot pass for a turn.
WIDEST = np.deg2rad(75.0)
_ROWS = 1000
_TOP = _finite.GREY_RANGE[1]
_COLUMN, _ROW = np.meshgrid(np.arange(8) - 3.5, 3.5 - np.arange(8))


def _hand(along: Images, across: Images) -> Images:
    """Draw a segment from the middle to the edge, a pixel or so wide."""
    beyond = np.maximum(np.maximum(along - 4.0, -along), 0.0)
    out: Images = np.clip(1.4 - np.hypot(across, beyond), 0.0, 1.0)
    return out


def _horizon(along: Images, across: Images) -> Images:
    """Brighten the side that the angle points to, in a round window: corners would bend the reading."""
    out: Images = np.clip(0.5 + along / 2.0, 0.0, 1.0) * np.clip(4.5 - np.hypot(along, across), 0.0, 1.0)
    return out


_LOOKS = {"a": _hand, "b": _horizon}


def drawn_at(angles: ArrayLike, side: str) -> Images:
    """Draw pictures of known angles.

    Parameters
    ----------
    angles : array_like, shape (n,)
        Radians from upright, clockwise.
    side : {"a", "b"}

    Returns
    -------
    ndarray, shape (n, 8, 8)
        Whole grey levels from 0 to 16.
    """
    require_one_of(side, SIDES, name="side")
    turn = np.asarray(angles, dtype=np.float64)[:, None, None]
    along = _COLUMN * np.sin(turn) + _ROW * np.cos(turn)
    across = _COLUMN * np.cos(turn) - _ROW * np.sin(turn)
    return np.rint(_TOP * _LOOKS[side](along, across))


def read_angles(images: ArrayLike) -> NDArray[np.float64]:
    """Read angles off pictures of either domain: where the middle of the brightness lies, seen from the centre.

    Parameters
    ----------
    images : array_like, shape (n, 8, 8)

    Returns
    -------
    ndarray, shape (n,)
        Radians from upright, clockwise; right to 3 degrees on pictures of known angles. 0 for a picture without any.
    """
    x = np.asarray(images, dtype=np.float64)
    out: NDArray[np.float64] = np.arctan2((x * _COLUMN).sum(axis=(1, 2)), (x * _ROW).sum(axis=(1, 2)))
    return out


def angles_of(side: str) -> NDArray[np.float64]:
    """Give the angles of a domain, shape (1000,), in the order of its rows."""
    return stream(0, "dataset", "angles", side).uniform(-WIDEST, WIDEST, _ROWS)


@opens("data:angles")
def open_angles(*, side: object = "a") -> _finite.FiniteRows:
    """Open one domain.

    Parameters
    ----------
    side : {"a", "b"}
        a: hands. b: horizons. The labels are tenths of the range of angles.
    """
    which = str(side)
    require_one_of(which, SIDES, name="side")
    angles = angles_of(which)
    tenths = np.minimum((angles + WIDEST) / (2 * WIDEST) * 10, 9).astype(np.int64)
    return _finite.FiniteRows(drawn_at(angles, which), tenths, kind="image", value_range=_finite.GREY_RANGE)


DATASET = DatasetSpec(
    name="angles",
    summary="Two domains that share an angle: hands of a clock and horizons (option side: a, b).",
    scheme="data",
    open=open_angles,
    source="drawn; every angle known",
)
