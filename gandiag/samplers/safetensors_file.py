"""``.safetensors`` files: named arrays without code; read with the safetensors library, which checks every length."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gandiag.core.protocols import Sampler
from gandiag.core.specs import SamplerSpec
from gandiag.errors import FileFormatError, GandiagError, MissingExtra
from gandiag.samplers._finite import FiniteSampler
from gandiag.samplers._members import chosen_member, labels_beside
from gandiag.samplers._npy import require_file
from gandiag.samplers._receive import as_labels, to_numpy
from gandiag.samplers._settings import Settings


def accepts(source: object) -> bool:
    """Tell whether the source is a path ending in .safetensors."""
    return isinstance(source, Path) and source.suffix.lower() == ".safetensors"


def open_safetensors(source: Any, **options: Any) -> Sampler:
    """Open a .safetensors file of samples."""
    settings = Settings.read(options, uses=("labels", "key"), by=".safetensors files")
    name = settings.name or source.name
    require_file(source, name=name)
    try:
        import safetensors
    except Exception as error:
        raise MissingExtra(
            "safetensors must be installed to read .safetensors files",
            received=f"{type(error).__name__}: {error}",
            remedy="Run: pip install safetensors",
        ) from error
    try:
        with safetensors.safe_open(source, framework="numpy") as file:
            names = list(file.keys())
            member = chosen_member(names, settings.key, name=name)
            values = to_numpy(_tensor(source, file, member), name=name)
            rows = len(values) if values.ndim else 0
            labels, notes = labels_beside(names, member, rows, lambda k: _tensor(source, file, k), name=name)
    except GandiagError:
        raise
    except Exception as error:
        raise FileFormatError(
            f"{name} must be a whole .safetensors file",
            received=f"{type(error).__name__}: {error}",
            remedy="Write it again with safetensors.numpy.save_file.",
        ) from error
    if settings.labels is not None:
        labels, notes = as_labels(settings.labels, rows, name=name), ()
    if len(names) > 1:
        notes = (f"the array {member!r} of {len(names)} was read", *notes)
    return FiniteSampler(values, name=name, settings=settings, labels=labels, notes=notes)


def _tensor(source: Path, file: Any, key: str) -> Any:
    """Read one array; the precisions that NumPy does not know come through torch."""
    if str(file.get_slice(key).get_dtype()) not in ("BF16", "F8_E4M3", "F8_E5M2"):
        return file.get_tensor(key)
    import safetensors

    with safetensors.safe_open(source, framework="pt") as through_torch:
        return through_torch.get_tensor(key)


SAMPLER = SamplerSpec(
    name="safetensors_file",
    summary="A .safetensors file; key= names the array where there are several.",
    accepts=accepts,
    open=open_safetensors,
    priority=-10,
)
