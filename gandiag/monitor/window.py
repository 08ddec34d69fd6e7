"""What happened since the last row: means of losses and gradient norms, and how much they differ between minibatches.

Numbers that live on an accelerator stay there until a row is written: reading one at every step would make the device
wait for the host.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gandiag.errors import DtypeError

FEWEST_FOR_SPREAD = 8


class Window:
    """Collects numbers by name, one per step."""

    def __init__(self) -> None:
        self._held: dict[str, list[tuple[int, Any]]] = {}

    def add(self, step: int, name: str, value: Any) -> None:
        """Keep one number: a float, or a tensor of one element."""
        self._held.setdefault(name, []).append((step, _one(value, name)))

    def close(self) -> tuple[dict[str, float], dict[str, int]]:
        """Summarise and forget.

        Returns
        -------
        values : dict
            Per name its mean, ``name.sd`` (between minibatches, with n - 1) and, where all values have one sign,
            ``name.relative_sd`` = sd / |mean|. Spreads only from 8 minibatches on. NaN where a value was.
        first_bad : dict
            Per name the first step whose value was not finite.
        """
        values: dict[str, float] = {}
        first_bad: dict[str, int] = {}
        for name, held in self._held.items():
            numbers = _on_host([value for _, value in held])
            bad = np.flatnonzero(~np.isfinite(numbers))
            if bad.size:
                first_bad[name] = held[int(bad[0])][0]
                values[name] = math.nan
                continue
            values[name] = float(numbers.mean())
            if len(numbers) >= FEWEST_FOR_SPREAD:
                sd = float(numbers.std(ddof=1))
                values[f"{name}.sd"] = sd
                # A mean near 0 is no unit to measure a spread in.
                if abs(np.sign(numbers).sum()) == len(numbers):
                    values[f"{name}.relative_sd"] = sd / abs(values[name])
        self._held = {}
        return values, first_bad


def _one(value: Any, name: str) -> Any:
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        if value.numel() != 1:
            raise DtypeError(
                f"`{name}` must be one number", received=f"a tensor of shape {tuple(value.shape)}", remedy="Average it."
            )
        # A copy: the tensor may be the fixed output of a captured graph, written again by the next step.
        return value.detach().reshape(()).clone()
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise DtypeError(
            f"`{name}` must be one number", received=type(value).__name__, remedy="Pass a float."
        ) from error


def _on_host(values: list[Any]) -> NDArray[np.float64]:
    """Bring all numbers to the host in one transfer per device."""
    out = np.empty(len(values))
    tensors: dict[Any, list[int]] = {}
    for at, value in enumerate(values):
        if isinstance(value, float):
            out[at] = value
        else:
            tensors.setdefault((value.device, value.dtype), []).append(at)
    if tensors:
        import torch

        for places in tensors.values():
            out[places] = torch.stack([values[at] for at in places]).float().cpu().numpy()
    return out


def gradient_norm(parameters: Iterable[Any]) -> Any | None:
    """Return the Euclidean norm of all gradients together, as a tensor on their device; None where there are none."""
    import torch

    held = [p.grad.detach() for p in parameters if p.grad is not None]
    grads = [g.coalesce().values() if g.is_sparse else g for g in held]
    if not grads:
        return None
    norms = [torch.linalg.vector_norm(g, dtype=torch.float32 if g.element_size() < 4 else None) for g in grads]
    first = norms[0]
    return torch.linalg.vector_norm(torch.stack([norm.to(first.device, first.dtype) for norm in norms]))


def parameters_of(optimiser: Any) -> list[Any]:
    """List the parameters that an optimiser changes."""
    return [p for group in optimiser.param_groups for p in group["params"]]


def count_of(examples: Any) -> int:
    """Read a number of examples from a number or a batch."""
    if isinstance(examples, int | np.integer):
        return int(examples)
    if isinstance(examples, Mapping):
        return count_of(next(iter(examples.values())))
    if isinstance(examples, list | tuple) and examples and hasattr(examples[0], "shape"):
        return count_of(examples[0])  # (images, labels)
    return len(examples)
