"""How gandiag meets the models: checkpoints by path, and shipped ones by name (``model:vae-digits``)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gandiag.core.protocols import Sampler
from gandiag.core.specs import SAMPLERS, SamplerSpec


def accepts(source: object) -> bool:
    """Tell a checkpoint from arrays by its header."""
    if not isinstance(source, Path) or source.suffix.lower() != ".safetensors":
        return False
    from reference_models.core.checkpoint import read_facts

    return read_facts(source) is not None


def open_checkpoint(source: Any, **options: Any) -> Sampler:
    """Open a checkpoint; ``name=`` and ``lag=`` are the options that it takes."""
    from reference_models.core.trained import load

    options.setdefault("name", Path(source).name)
    return SAMPLERS.get("protocol").open(load(source), assumed_lag=1, **options)


SAMPLER = SamplerSpec(
    name="reference_model",
    summary="A checkpoint.safetensors of reference_models.",
    accepts=accepts,
    open=open_checkpoint,
    priority=10,
)
