"""Generators that are stored as graphs (ONNX, torch.export): one input of latents, of a shape that the graph states."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gandiag.core.protocols import Sampler
from gandiag.errors import ConfigError
from gandiag.samplers._latents import latents_of
from gandiag.samplers._receive import to_numpy
from gandiag.samplers._settings import Settings
from gandiag.samplers._stream import Draw, StreamSampler

ROWS_PER_CALL = 256


@dataclass(frozen=True, kw_only=True, eq=False)
class Graph:
    """A graph that can be run.

    Parameters
    ----------
    shape : tuple of int or None
        Of its input, the batch first; None where any size goes.
    dtype : numpy.dtype
        Of its input.
    run : callable
        Latents of shape (b, ...) to samples of shape (b, ...).
    notes : tuple of str
    """

    shape: tuple[int | None, ...]
    dtype: np.dtype[Any]
    run: Callable[[NDArray[Any]], Any]
    notes: tuple[str, ...] = ()


def open_graph(graph: Graph, settings: Settings, *, name: str) -> Sampler:
    """Open a graph as a map from latents to samples.

    A graph for a fixed number of rows is run with that many: the last rows are repeated to fill it, and cut off again.

    Raises
    ------
    ConfigError
        Without a latent law, or for latents of another shape than the graph takes.
    """
    wanted = "x".join("?" if side is None else str(side) for side in graph.shape[1:])
    if settings.latent is None:
        raise ConfigError(
            f"{name} needs to know its latent law",
            received="a graph alone",
            remedy=f'Pass latent="normal:{wanted}": that is the size it takes, the law only you know.',
        )
    latents = latents_of(settings.latent)
    _refuse_other_shape(latents(1, np.random.default_rng(0)).shape, graph, wanted, name=name)
    fixed = graph.shape[0]

    def begin(n: int, rng: np.random.Generator) -> Draw:
        z = latents(n, rng).astype(graph.dtype)
        return lambda start, stop: _in_steps(graph, z[start:stop], fixed, name=name)

    notes = () if fixed is None else (f"the graph runs {fixed} rows at a time; the last run was filled up and cut",)
    return StreamSampler(
        begin,
        name=name,
        settings=settings,
        lag=1,
        batch_size=ROWS_PER_CALL if fixed is None else fixed * max(1, ROWS_PER_CALL // fixed),
        notes=(*graph.notes, *notes),
    )


def _refuse_other_shape(drawn: tuple[int, ...], graph: Graph, wanted: str, *, name: str) -> None:
    sides = graph.shape[1:]
    if len(drawn) - 1 == len(sides) and all(s in (None, d) for s, d in zip(sides, drawn[1:], strict=True)):
        return
    raise ConfigError(
        f"latents of {name} must have the size that its graph takes, {wanted or 'none'}",
        received="x".join(map(str, drawn[1:])),
        remedy=f'Pass latent="normal:{wanted}" or another law of that size.',
    )


def _in_steps(graph: Graph, z: NDArray[Any], fixed: int | None, *, name: str) -> Any:
    if fixed is None:
        return graph.run(z)
    parts = []
    for start in range(0, len(z), fixed):
        part = z[start : start + fixed]
        filled = np.concatenate([part, np.repeat(part[-1:], fixed - len(part), axis=0)])
        output = to_numpy(graph.run(filled), name=name)
        # What is no array of `fixed` rows is told by the receiver: it is handed on as it came.
        parts.append(output[: len(part)] if output.ndim and len(output) == fixed else output)
    return np.concatenate(parts)
