"""Range violations as a stream: a count."""

from __future__ import annotations

import numpy as np

from gandiag.core.results import Floor, KnownNull, Measurement, PValue
from gandiag.core.streams import Arrays, Block, Frame, StateSpec, StreamSpec, nothing_fixed, summed
from gandiag.numerics.binomial import fisher_p


def _of(block: Block, fixed: Arrays) -> Arrays:
    return {"outside": np.asarray(0 if block.outside is None else int(block.outside.sum()), dtype=np.int64)}


def finish(state: Arrays, fixed: Arrays, frame: Frame, *, rng: np.random.Generator) -> Measurement:
    """Count fake rows outside the declared range; the p-value is Fisher's exact test against no real row."""
    outside = int(state["outside"])
    return Measurement(
        estimate=outside / frame.m,
        null=KnownNull(
            floor=Floor(mean=0.0, sd=0.0, source="analytic: real rows lie in the declared range"),
            p_value=PValue(value=fisher_p(outside, frame.m, 0, frame.n), calibration="exact (Fisher)"),
        ),
        reasons={"interval": "a share with a known null of 0", "e_value": "not a sequential test"},
        details={"rows_outside": outside},
    )


STREAM = StreamSpec(
    name="range_violations",
    state=StateSpec(name="outside", fix=nothing_fixed, of=_of, merge=summed),
    finish=finish,
)
