"""On which device heavy work is done: where the samples already are, or where the user says."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from gandiag.errors import ConfigError

P = ParamSpec("P")
T = TypeVar("T")
# Feature maps are fitted far below the call that names a device, by code that does not know of devices.
_FOR_NETWORKS: ContextVar[str | None] = ContextVar("gandiag device for networks", default=None)


def placing_networks(function: Callable[P, T]) -> Callable[P, T]:
    """Let the argument ``device`` of a public function also say where the networks of feature maps run."""

    @wraps(function)
    def placed(*args: P.args, **kwargs: P.kwargs) -> T:
        chosen = kwargs.get("device")
        before = _FOR_NETWORKS.set(chosen if isinstance(chosen, str) else None)
        try:
            return function(*args, **kwargs)
        finally:
            _FOR_NETWORKS.reset(before)

    return placed


def network_device() -> str:
    """Give the device that the caller chose for networks, else a CUDA device where there is one."""
    chosen = _FOR_NETWORKS.get()
    if chosen is not None:
        return device_of((), chosen) or "cpu"
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def device_of(sources: Iterable[Any], chosen: str | None = None) -> str | None:
    """Choose the device.

    Parameters
    ----------
    sources : iterable
        What the user passed: the first CUDA tensor, or module with parameters on a CUDA device, decides.
    chosen : str, optional
        "cpu", or a CUDA device such as "cuda" or "cuda:1".

    Returns
    -------
    str or None
        A CUDA device, or None for NumPy on the host.

    Raises
    ------
    ConfigError
        For a device that is unknown, absent, or without float64.
    """
    if chosen is None:
        # Without torch loaded nobody can have passed a tensor.
        found = [d for source in sources if (d := _cuda_of(source))] if "torch" in sys.modules else []
        return found[0] if found else None
    if chosen == "cpu":
        return None
    kind, _, index = chosen.partition(":") if isinstance(chosen, str) else ("", "", "")
    if kind != "cuda" or (index and not index.isdigit()):
        raise ConfigError(
            "`device` must be cpu, cuda or cuda:<number>: other devices lack double precision",
            received=chosen,
            remedy='Pass device="cpu", or leave it out.',
        )
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if int(index or 0) >= count:
        raise ConfigError(
            "`device` must be there", received=f"{chosen} with {count} CUDA devices", remedy='Pass device="cpu".'
        )
    return chosen


def _cuda_of(source: Any) -> str | None:
    if isinstance(source, tuple) and source:
        source = source[0]  # (values, labels)
    device = getattr(source, "device", None)
    if device is None and callable(getattr(source, "parameters", None)):
        device = next((p.device for p in source.parameters() if hasattr(p, "device")), None)
    return str(device) if getattr(device, "type", None) == "cuda" else None
