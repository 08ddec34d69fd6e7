"""``.pt2`` generators, as ``torch.export.save`` writes them: run only where the caller says ``trust``.

The graph of such a file is data, but torch reads parts of it (sample inputs, constants, some weights) by pickle, which
can run any code that the file holds. So a .pt2 is code: it is refused unless the caller says ``trust=True``, or
``net.pt2?trust=yes`` on the command line; neither a policy file nor a checkpoint can say it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from gandiag.core.protocols import Sampler
from gandiag.core.specs import SamplerSpec
from gandiag.errors import ConfigError, FileFormatError
from gandiag.samplers._graph import Graph, open_graph
from gandiag.samplers._guard import call, told
from gandiag.samplers._npy import require_file
from gandiag.samplers._settings import Settings


def accepts(source: object) -> bool:
    """Tell whether the source is a path ending in .pt2."""
    return isinstance(source, Path) and source.suffix.lower() == ".pt2"


def open_exported(source: Any, **options: Any) -> Sampler:
    """Open an exported program that the caller trusts."""
    settings = Settings.read(options, uses=("latent", "trust"), by=".pt2 files")
    name = settings.name or source.name
    require_file(source, name=name)
    if not settings.trust:
        raise FileFormatError(
            ".pt2 files can run code, since torch reads parts of them by pickle",
            received=name,
            remedy="Where you made it or trust who did, pass trust=True (on the command line: net.pt2?trust=yes).",
        )
    import torch

    try:
        program = call(lambda: torch.export.load(str(source)), name=name, seed=0)
    except Exception as error:
        cause = error.__cause__ or error
        raise FileFormatError(
            f"{name} must be a whole program of torch.export", received=told(cause), remedy="Export it again."
        ) from error
    shape, dtype = _input(program, name=name)
    run = program.module()

    def forward(z: Any) -> Any:
        with torch.inference_mode():
            return run(torch.from_numpy(np.ascontiguousarray(z)))

    graph = Graph(shape=shape, dtype=dtype, run=forward, notes=("code of the file was trusted",))
    return open_graph(graph, settings, name=name)


def _input(program: Any, *, name: str) -> tuple[tuple[int | None, ...], np.dtype[Any]]:
    """Read the shape and dtype of the only input off the graph."""
    names = set(program.graph_signature.user_inputs)
    values = [node.meta.get("val") for node in program.graph.nodes if node.op == "placeholder" and node.name in names]
    known = {"torch.float32": "float32", "torch.float64": "float64", "torch.float16": "float16"}
    if len(values) != 1 or str(getattr(values[0], "dtype", "")) not in known or not values[0].shape:
        raise ConfigError(
            f"{name} must take one input, of latents in floating point",
            received=", ".join(sorted(map(str, names))) or "none",
            remedy="Export it with its other inputs fixed.",
        )
    shape = tuple(side if isinstance(side, int) else None for side in values[0].shape)
    return shape, np.dtype(known[str(values[0].dtype)])


SAMPLER = SamplerSpec(
    name="exported_file",
    summary='A .pt2 generator of torch.export, with latent="normal:128" and trust=True, since it can run code.',
    accepts=accepts,
    open=open_exported,
    priority=-10,
)
