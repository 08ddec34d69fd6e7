"""Feature maps around another one: what they say of it unless they know better."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gandiag.core.protocols import FeatureMap


@dataclass(frozen=True, eq=False)
class WrappedMap:
    """The facts of the map inside.

    Parameters
    ----------
    inner : FeatureMap
    """

    inner: FeatureMap

    @property
    def cacheable(self) -> bool:
        """Whether its features may be kept on disk."""
        return bool(getattr(self.inner, "cacheable", False))

    @property
    def device(self) -> str:
        """Where it runs; empty where it does not say."""
        return str(getattr(self.inner, "device", ""))

    @property
    def classify(self) -> Callable[[NDArray[np.float64]], NDArray[np.float64]] | None:
        """Features to class probabilities, where it ends in a classifier."""
        found: Callable[[NDArray[np.float64]], NDArray[np.float64]] | None = getattr(self.inner, "classify", None)
        return found
