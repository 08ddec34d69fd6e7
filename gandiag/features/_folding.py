"""Batch norms folded into the convolutions before them, for networks that are no longer trained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gandiag.errors import FileFormatError

_NORM = ("weight", "bias", "running_mean", "running_var")


def folded(state: Mapping[str, Any], convolution: str, norm: str, *, epsilon: float, of: str) -> tuple[Any, Any]:
    """Give weight and bias of the convolution that does the work of a convolution and its batch norm.

    Parameters
    ----------
    state : mapping of str to tensor
    convolution, norm : str
        Their names.
    epsilon : float
        Of the norm, where the variance is.
    of : str
        Whose weights they are, for messages.

    Returns
    -------
    weight, bias : torch.Tensor
        In double precision.

    Raises
    ------
    FileFormatError
        Where a tensor is lacking, or of another shape.
    """
    weight = tensor(state, f"{convolution}.weight", of=of).double()
    parts = (tensor(state, f"{norm}.{part}", (len(weight),), of=of).double() for part in _NORM)
    gain, offset, mean, variance = parts
    scale = gain / (variance + epsilon).sqrt()
    return weight * scale[:, None, None, None], offset - mean * scale


def tensor(state: Mapping[str, Any], name: str, shape: tuple[int, ...] | None = None, *, of: str) -> Any:
    """Look up a tensor, and check its shape."""
    found = state.get(name)
    if found is None or (shape is not None and tuple(found.shape) != shape):
        raise FileFormatError(
            f"the file must hold the tensors of {of}",
            received=f"no tensor {name}" if found is None else f"{name} of shape {tuple(found.shape)}",
            remedy="Get the weights again.",
        )
    return found
