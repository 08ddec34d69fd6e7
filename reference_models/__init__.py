"""The classic generators, small and readable, each proved by gandiag.

``train`` a model on a bundled data set or on your own, ``resume`` a run bit for bit, ``load`` a checkpoint as a sampler
that `gandiag.score` takes like any other.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reference_models.core.model import MODELS
    from reference_models.core.running import resume, train
    from reference_models.core.trained import load

_HOME = {
    "MODELS": "reference_models.core.model",
    "load": "reference_models.core.trained",
    "resume": "reference_models.core.running",
    "train": "reference_models.core.running",
}

__all__ = ["MODELS", "load", "resume", "train"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'reference_models' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
