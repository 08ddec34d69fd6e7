"""Pickles, checkpoints and compiled modules: refused, since reading them can run code."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NoReturn

from gandiag.core.specs import SamplerSpec
from gandiag.errors import FileFormatError

_ENDINGS = frozenset({".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib", ".jit"})


def accepts(source: object) -> bool:
    """Tell whether the source is a path to a kind of file that may carry code."""
    return isinstance(source, Path) and source.suffix.lower() in _ENDINGS


def refuse(source: Any, **options: Any) -> NoReturn:
    """Refuse, and say what to do instead."""
    raise FileFormatError(
        f"{source.suffix} files are not read, since they can run code",
        received=options.get("name") or source.name,
        remedy="Save samples as .npy or .safetensors; for a model, write a file that loads it, and pass "
        "my_gan.py:model with --latent normal:128.",
    )


SAMPLER = SamplerSpec(
    name="pickled",
    summary="Refuses .pt, .pth, .pkl and their like, and says what to do instead.",
    accepts=accepts,
    open=refuse,
    priority=-10,
)
