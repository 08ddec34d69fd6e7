"""Some modes or classes never occur: the mode collapse that every course shows.

Arjovsky & Bottou 2017; Srivastava et al. 2017 ("VEEGAN") count missing modes on toys whose modes are known.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gandiag.core.options import whole
from gandiag.core.protocols import Sampler
from gandiag.core.specs import PathologySpec
from gandiag.errors import ConfigError
from gandiag.pathologies._classes import ClassThinned
from gandiag.pathologies._wrapping import wraps


class DroppedModes(ClassThinned):
    """A sampler without some of its source's classes; ``dropped`` names them."""

    def shares(self, classes: NDArray[np.int64]) -> dict[int, float]:
        """Drop as many classes as the severity says, chosen by the seed."""
        count = int(self.severity)
        if count >= len(classes):
            raise ConfigError(
                "drop_modes must leave at least one class",
                received=f"{count} of {len(classes)} classes",
                remedy=f"Drop at most {len(classes) - 1}.",
            )
        dropped = set(self.stream("classes").permutation(classes)[:count].tolist())
        return {int(c): float(int(c) not in dropped) for c in classes}

    @property
    def dropped(self) -> list[int]:
        """Labels of the classes that never occur, sorted."""
        return [] if self.is_healthy else sorted(c for c, share in self.kept_shares.items() if share == 0)


@wraps("drop_modes")
def wrap(source: Sampler, severity: object, /, *, seed: object = 0) -> DroppedModes:
    """Drop classes.

    Parameters
    ----------
    source : Sampler
        With labels. A finite source loses the rows of the dropped classes.
    severity : int
        How many classes never occur, at least 0; the others keep their proportions.
    seed : int
        Chooses which.
    """
    count = whole(severity, "severity", at_least=0)
    return DroppedModes(source, pathology="drop_modes", severity=count, seed=seed)


PATHOLOGY = PathologySpec(
    name="drop_modes",
    summary="Some modes or classes never occur.",
    wrap=wrap,
    severity="number of classes dropped",
    healthy=0.0,
    code="modes_missing",
    example=2.0,
)
