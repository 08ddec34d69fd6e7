"""Stacked digits: three independent digits as the channels of one image, which makes 1 000 modes.

The construction of Metz et al. 2017 ("Unrolled GANs") and Srivastava et al. 2017 ("VEEGAN") on MNIST, here on the
8 by 8 digits. There are millions of combinations, so the law does not end.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gandiag.core.checks import require_one_of
from gandiag.core.specs import DatasetSpec
from gandiag.datasets import _finite
from gandiag.datasets._laws import Law, opens

CHANNELS = 3


class StackedDigits(Law):
    """Images of shape (8, 8, 3), labelled ``100 a + 10 b + c`` by the digits of their channels."""

    def __init__(self, split: str) -> None:
        super().__init__(kind="image", value_range=_finite.GREY_RANGE)
        self._images, self._labels = _finite.digits(split)

    @property
    def class_shares(self) -> NDArray[np.float64]:
        """Exact probability of each of the 1 000 labels: nearly even, since the digits are nearly so."""
        shares = np.bincount(self._labels, minlength=10) / len(self._labels)
        out: NDArray[np.float64] = np.einsum("a,b,c->abc", shares, shares, shares).ravel()
        return out

    def draw(self, n: int, rng: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Draw three images for each row, with replacement."""
        index = rng.integers(len(self._images), size=(n, CHANNELS))
        values = np.ascontiguousarray(np.moveaxis(self._images[index], 1, -1))
        return values, self._labels[index] @ np.array([100, 10, 1])


@opens("data:stacked_digits")
def open_stacked_digits(*, split: object = "all") -> StackedDigits:
    """Open the stacked digits.

    Parameters
    ----------
    split : {"all", "train", "test"}
        Which digits are stacked.
    """
    part = str(split)
    require_one_of(part, _finite.SPLITS, name="split")
    return StackedDigits(part)


DATASET = DatasetSpec(
    name="stacked_digits",
    summary="Three digits as channels: 1 000 modes, without end (option split).",
    scheme="data",
    open=open_stacked_digits,
    source="Metz et al. 2017 and Srivastava et al. 2017, on the 8 by 8 digits",
)
