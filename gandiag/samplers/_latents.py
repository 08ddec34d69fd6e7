"""Latents: drawn for all rows at once by NumPy, so that no result depends on the batch size.

torch's own normal draws change with the shape that is asked for, even under one seed; NumPy's do not.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gandiag.core.names import nearest
from gandiag.errors import ConfigError
from gandiag.samplers._binding import Binding
from gandiag.samplers._receive import to_numpy

Latents = Callable[[int, np.random.Generator], NDArray[Any]]

_LAWS = ("normal", "sphere", "uniform")
_GRAMMAR = re.compile(r"([A-Za-z]+):([1-9][0-9]*(?:[xX][1-9][0-9]*)*)")
_LARGEST = 10_000_000


def latents_of(latent: Any) -> Latents:
    """Read a latent law.

    Parameters
    ----------
    latent : str, torch distribution, or callable
        ``"normal:128"`` (standard normal), ``"uniform:100"`` (in [-1, 1]), ``"sphere:512"`` (unit sphere), with shapes
        such as ``"normal:100x1x1"``; a `torch.distributions` object; or a callable of the number of rows.

    Returns
    -------
    callable
        ``(n, rng) -> ndarray`` of shape (n, ...); float32 for the named laws.
    """
    if isinstance(latent, str):
        return _named(latent)
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(latent, torch.distributions.Distribution):
        return lambda n, rng: to_numpy(latent.sample((n,)), name="latent")
    if callable(latent) and not isinstance(latent, type):
        binding = Binding.of(latent, name="latent")
        return lambda n, rng: _exactly(to_numpy(binding(n, rng), name="latent"), n)
    raise ConfigError(
        "`latent` must be text such as 'normal:128', a torch distribution, or a callable of the number of rows",
        received=type(latent).__name__,
        remedy='Pass latent="normal:128".',
    )


def _named(text: str) -> Latents:
    match = _GRAMMAR.fullmatch(text.strip())
    if match is None:
        raise ConfigError(
            "`latent` must read law:size, with sizes such as 128 or 100x1x1",
            received=text,
            remedy='Pass latent="normal:128", "uniform:100" or "sphere:512".',
        )
    law, shape = match[1].lower(), tuple(int(s) for s in match[2].lower().split("x"))
    if law not in _LAWS:
        known = ", ".join(_LAWS)
        raise ConfigError(f"the latent law must be one of {known}", received=law, remedy=nearest(law, [*_LAWS]))
    if math.prod(shape) > _LARGEST:
        raise ConfigError("a latent must hold at most 10 million values", received=text, remedy="Mend the size.")

    def draw(n: int, rng: np.random.Generator) -> NDArray[Any]:
        if law == "uniform":
            return rng.uniform(-1.0, 1.0, (n, *shape)).astype(np.float32)
        z = rng.standard_normal((n, *shape))
        if law == "sphere":
            flat = z.reshape(n, -1)
            flat /= np.linalg.norm(flat, axis=1, keepdims=True)
        return z.astype(np.float32)

    return draw


def _exactly(latents: NDArray[Any], n: int) -> NDArray[Any]:
    if latents.ndim < 2 or len(latents) != n:
        raise ConfigError(
            "`latent` must return one latent per row, of shape (n, ...)",
            received=f"shape {latents.shape} when asked for {n}",
            remedy="Mend the latent.",
        )
    return latents
