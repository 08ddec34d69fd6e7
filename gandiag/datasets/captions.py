"""Digits with captions: "a bold three leaning left".

A caption says which digit an image shows, how bold it is, and how it leans. The last two are measured: ink is the mean
grey level, lean the slope of the stroke (the covariance of column and row over the variance of the row, weighted by
ink, upwards and to the right counted as right). Each is cut at the thirds of all images of the same digit, so that a
bold one is bold for a one, and every caption has images: 90 in all, about 20 images each. The label of an image is the
number of its caption.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from gandiag.core.checks import require_one_of
from gandiag.core.specs import DatasetSpec
from gandiag.datasets import _finite
from gandiag.datasets._laws import opens

Images = NDArray[np.float64]
Numbers = NDArray[np.int64]

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
INKS = ("thin", "medium", "bold")
LEANS = ("leaning left", "upright", "leaning right")


def captions() -> tuple[str, ...]:
    """Give all 90 captions; the number of "a thin zero leaning left" is 0, and that of the last 89.

    Examples
    --------
    >>> captions()[29]
    'a thin three leaning right'
    """
    return tuple(f"a {ink} {digit} {lean}" for digit in DIGITS for ink in INKS for lean in LEANS)


def attributes(numbers: Numbers) -> tuple[Numbers, Numbers, Numbers]:
    """Take numbers of captions apart: digit 0 to 9, ink 0 to 2, lean 0 to 2."""
    found = np.asarray(numbers)
    return found // 9, found // 3 % 3, found % 3


def ink_of(images: Images) -> Images:
    """Give the mean grey level of images of shape (n, h, w)."""
    out: Images = np.asarray(images, dtype=np.float64).mean(axis=(1, 2))
    return out


def lean_of(images: Images) -> Images:
    """Give the slope of the strokes of images of shape (n, h, w): columns to the right per row upwards; 0 if blank."""
    x = np.asarray(images, dtype=np.float64)
    rows, columns = np.indices(x.shape[1:])
    total = np.maximum(x.sum(axis=(1, 2)), 1e-12)
    r, c = ((x * at).sum(axis=(1, 2)) / total for at in (rows, columns))
    off_r, off_c = rows - r[:, None, None], columns - c[:, None, None]
    spread = (x * off_r**2).sum(axis=(1, 2))
    out: Images = -(x * off_r * off_c).sum(axis=(1, 2)) / np.maximum(spread, 1e-12)
    return out


def measured(images: Images, digits: Numbers) -> tuple[Numbers, Numbers]:
    """Measure ink and lean of images, shape (n, 8, 8), as third 0, 1 or 2 of what the digits they show have."""
    values = ink_of(images), lean_of(images)
    ink, lean = (
        (value[:, None] > cuts[np.asarray(digits)]).sum(axis=1) for value, cuts in zip(values, _cuts(), strict=True)
    )
    return ink, lean


@cache
def _cuts() -> tuple[Images, Images]:
    """Give the thirds of ink and of lean of every digit, shape (10, 2) each, over all images."""
    images, labels = _finite.digits("all")
    ink, lean = (
        np.stack([np.quantile(value[labels == digit], [1 / 3, 2 / 3]) for digit in range(10)])
        for value in (ink_of(images), lean_of(images))
    )
    return ink, lean


@opens("data:captions")
def open_captions(*, split: object = "all") -> _finite.FiniteRows:
    """Open the digits with captions.

    Parameters
    ----------
    split : {"all", "train", "test", "third1", "third2", "third3"}
        As of the digits.
    """
    part = str(split)
    require_one_of(part, _finite.SPLITS, name="split")
    images, labels = _finite.digits(part)
    ink, lean = measured(images, labels)
    return _finite.FiniteRows(images, 9 * labels + 3 * ink + lean, kind="image", value_range=_finite.GREY_RANGE)


DATASET = DatasetSpec(
    name="captions",
    summary="Digits, 8 by 8, with captions such as 'a bold three leaning left' as classes (option split).",
    scheme="data",
    open=open_captions,
    source="made from the digits; ink and lean measured",
)
