"""Counts of either side by mode, of all rows and of those of high quality; modes are found on rows set aside.

What a mode is stands in the fixed arrays, for the shard that merges has none of the rows set aside.
"""

from __future__ import annotations

from typing import get_args

import numpy as np
from numpy.typing import NDArray

from gandiag.core.checks import Matrix
from gandiag.core.classes import name_of_class
from gandiag.core.streams import Arrays, Block, Frame, StateSpec, summed
from gandiag.metrics._mode_tables import ModeTable, counted
from gandiag.numerics.clusters import Kind, ModeModel, fit_modes
from gandiag.numerics.nearest import FEWEST_FIT, Support, fit_support

# The rows that tell what is on support travel with every part: no more values than this.
_SUPPORT_VALUES = 2**20
_KINDS: tuple[Kind, ...] = get_args(Kind)
_SHAPES = ("centres", "whiteners", "scales", "log_dets", "radii")


def _fix(frame: Frame, *, rng: np.random.Generator) -> Arrays:
    """Find modes, and where real rows are, as `mode_coverage` does."""
    model = fit_modes(frame.fit, labels=frame.fit_labels, known=frame.modes, rng=rng)
    fixed = {name: getattr(model, name) for name in _SHAPES} | {
        "kind": np.array(_KINDS.index(model.kind)),
        "silhouette": np.array([] if model.silhouette is None else [model.silhouette]),
        "classes": np.empty(0, dtype=np.int64) if model.classes is None else model.classes,
        "weights": np.empty(0) if model.weights is None else model.weights,
        # Names of classes as bytes: a part holds arrays of numbers.
        "titles": _as_bytes([] if model.classes is None else [name_of_class(c) for c in model.classes.tolist()]),
        "labelled": np.array(frame.fit_labels is not None),
    }
    if model.kind == "known" or len(frame.fit) < FEWEST_FIT:
        return fixed
    support = fit_support(frame.fit[: max(FEWEST_FIT, _SUPPORT_VALUES // max(frame.d, 1))], rng=rng)
    return fixed | {
        "support": support.rows,
        "spacing": support.spacing,
        "thresholds": np.array([support.threshold, support.far_threshold]),
    }


def _as_bytes(titles: list[str]) -> NDArray[np.uint8]:
    return np.frombuffer(
        "\n".join(title.replace("\n", " ") for title in titles).encode("utf-8", "replace"), dtype=np.uint8
    )


def model_of(fixed: Arrays) -> ModeModel:
    """Read the modes from what was fixed."""
    kind, classes, weights = _KINDS[int(fixed["kind"])], fixed["classes"], fixed["weights"]
    k, silhouette = len(fixed["centres"]), fixed["silhouette"].tolist()
    titles = bytes(fixed["titles"]).decode().split("\n") if len(classes) else [str(i) for i in range(k)]
    one = {"known": "mode", "labels": "class"}.get(kind, kind.removesuffix("s"))
    return ModeModel(
        kind=kind,
        names=tuple(f"{one} {title}" for title in titles),
        **{name: fixed[name] for name in _SHAPES},
        classes=classes if len(classes) else None,
        weights=weights if len(weights) else None,
        silhouette=silhouette[0] if silhouette else None,
    )


def _of(block: Block, fixed: Arrays) -> Arrays:
    model = model_of(fixed)
    pool = np.concatenate([block.real, block.fake])
    modes, reach = model.assign(pool)
    is_real = np.arange(len(pool)) < len(block.real)
    return vars(counted(model, modes, (reach <= 1.0) & _on_support(pool, fixed), is_real, block.real_labels))


def _on_support(rows: Matrix, fixed: Arrays) -> NDArray[np.bool_]:
    if "support" not in fixed or not len(rows):
        return np.ones(len(rows), dtype=bool)
    near, far = fixed["thresholds"].tolist()
    support = Support(rows=fixed["support"], spacing=fixed["spacing"], threshold=near, far_threshold=far)
    found: NDArray[np.bool_] = support.distances(rows) <= near
    return found


def table_of(state: Arrays) -> ModeTable:
    """Read the merged counts."""
    return ModeTable(**state)


MODE_COUNTS = StateSpec(name="mode counts", fix=_fix, of=_of, merge=summed)
