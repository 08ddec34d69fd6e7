"""``.onnx`` generators, run by onnxruntime: ``net.onnx`` with ``latent="normal:128"``.

An ONNX file holds a graph of named operators and numbers, and no code: onnxruntime runs the operators that it has, and
operators of other libraries fail, since none are registered here. Weights beside the file are read where the graph
names them, inside its own folder only: onnxruntime refuses paths that leave it. A graph may still be slow or large;
``timeout`` is looked at between batches. Graphs that draw noise of their own are not repeatable from a seed.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np

from gandiag.core.names import nearest
from gandiag.core.protocols import Sampler
from gandiag.core.specs import SamplerSpec
from gandiag.errors import ConfigError, FileFormatError, MissingExtra
from gandiag.samplers._graph import Graph, open_graph
from gandiag.samplers._npy import require_file
from gandiag.samplers._settings import Settings

_DTYPES = {"tensor(float)": "float32", "tensor(float16)": "float16", "tensor(double)": "float64"}


def accepts(source: object) -> bool:
    """Tell whether the source is a path ending in .onnx."""
    return isinstance(source, Path) and source.suffix.lower() == ".onnx"


def open_onnx(source: Any, **options: Any) -> Sampler:
    """Open an ONNX generator; ``key`` names its output where there are several."""
    settings = Settings.read(options, uses=("latent", "key"), by=".onnx files")
    name = settings.name or source.name
    require_file(source, name=name)
    session = _session(source, name=name)
    given = session.get_inputs()
    if len(given) != 1 or given[0].type not in _DTYPES or not given[0].shape:
        raise ConfigError(
            f"{name} must take one input, of latents in floating point",
            received=", ".join(f"{i.name} {i.type}" for i in given[:5]) or "none",
            remedy="Export it with its other inputs fixed.",
        )
    wanted, output = given[0], _output(session, settings.key, name=name)
    graph = Graph(
        shape=tuple(side if isinstance(side, int) else None for side in wanted.shape),
        dtype=np.dtype(_DTYPES[wanted.type]),
        run=lambda z: session.run([output], {wanted.name: z})[0],
    )
    return open_graph(graph, settings, name=name)


def _session(source: Path, *, name: str) -> Any:
    try:
        runtime = importlib.import_module("onnxruntime")
    except Exception as error:  # a broken installation raises whatever it likes
        raise MissingExtra(
            "onnxruntime must be installed to run .onnx files",
            received=f"{type(error).__name__}: {error}",
            remedy="Run: pip install onnxruntime",
        ) from error
    quiet = runtime.SessionOptions()
    quiet.log_severity_level = 4  # what goes wrong is raised
    try:
        return runtime.InferenceSession(str(source), quiet, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise FileFormatError(
            f"{name} must be an ONNX graph that onnxruntime can run",
            received=f"{type(error).__name__}: {error}".replace("\n", " "),
            remedy="Export it again, with operators of the ONNX standard.",
        ) from error


def _output(session: Any, key: str | None, *, name: str) -> str:
    known = [output.name for output in session.get_outputs()]
    if key is not None and key not in known:
        raise ConfigError(f"{name} has no such output", received=key, remedy=nearest(key, known))
    if key is None and len(known) != 1:
        raise ConfigError(
            f"{name} has several outputs, so key= must name one", received=", ".join(known[:10]), remedy="Pass key=."
        )
    return key or known[0]


SAMPLER = SamplerSpec(
    name="onnx_file",
    summary='An .onnx generator, with latent="normal:128" (needs onnxruntime).',
    accepts=accepts,
    open=open_onnx,
    priority=-10,
)
