"""Inputs and values of peers that are not installed with the tests.

A script ``freeze_<peer>.py`` makes ``frozen/<peer>.json`` in an environment that has the peer; the tests make the same
inputs again. They come from `numpy.random.RandomState`, whose streams NumPy has frozen; each file holds a checksum of
every input all the same.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]

FOLDER = Path(__file__).parent / "frozen"


def shifted_normals(n: int = 40, m: int = 40, d: int = 3, seed: int = 0) -> tuple[Matrix, Matrix]:
    """Draw two normal samples of different place and width."""
    state = np.random.RandomState(seed)
    return state.standard_normal((n, d)), 1.3 * state.standard_normal((m, d)) + 0.4


def logits(rows: int = 60, classes: int = 7, seed: int = 1) -> Matrix:
    """Draw what a classifier might say."""
    return 2.0 * np.random.RandomState(seed).standard_normal((rows, classes))


def checksum(*arrays: Matrix) -> list[float]:
    """Weight every entry by its place, so that neither a change nor an exchange goes unseen."""
    return [float(a.ravel() @ np.linspace(1.0, 2.0, a.size)) for a in arrays]


def freeze(peer: str, package: str, values: Mapping[str, Any]) -> None:
    """Write the values of a peer with its version and that of its numerics."""
    from importlib.metadata import version

    header = {"package": package, "version": version(package), "numpy": np.__version__}
    text = json.dumps({**header, "script": f"tests/conformance/freeze_{peer}.py", "values": values}, indent=1)
    (FOLDER / f"{peer}.json").write_text(text + "\n")


def frozen(peer: str) -> dict[str, Any]:
    """Read the values of a peer."""
    found: dict[str, Any] = json.loads((FOLDER / f"{peer}.json").read_text())["values"]
    return found
