"""A trace as the page's script reads it: small whole numbers in base64, everything else as plain JSON."""

from __future__ import annotations

import base64
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gandiag.core.wording import printable
from gandiag.lab.cells import best_discriminator
from gandiag.lab.losses import LOSSES
from gandiag.lab.trace import Trace

Array = NDArray[np.float64]

BINS = 20
LEAST = 1e-4  # of both laws in a cell; three of the points that are pushed through G
NONE = 255  # a cell where D* is not defined
SLOPE_DECADES = (-6.0, 4.0)
OUTPUT_LIMIT = 100.0


def packed(trace: Trace) -> dict[str, Any]:
    """Pack one run.

    Parameters
    ----------
    trace : Trace

    Returns
    -------
    dict
        About 10 kB a frame. Places are within a box of three sides of the view, to 1/65535 of it; D and D* in 254
        steps; slopes by direction (256) and decimal logarithm (25 steps a decade).
    """
    arrays, facts = trace.arrays, trace.facts
    x, y, side = (float(value) for value in facts["view"])
    p = arrays["p"].astype(np.float64)
    box = (x - side, y - side, 3 * side)
    kept = (
        "data",
        "loss",
        "output",
        "pack",
        "latent",
        "prior",
        "exact",
        "q_from",
        "view",
        "floors",
        "every",
        "modes",
        "rows",
    )
    run: dict[str, Any] = {key: facts[key] for key in kept}
    run |= {
        "name": printable(facts["name"], longest=80),
        "data": printable(facts["data"], longest=120),
        "box": box,
        "cells": int(arrays["p"].shape[0]),
        "equilibrium": LOSSES[facts["loss"]].equilibrium,
        "steps": arrays["steps"].tolist(),
        "seconds": [round(float(s), 2) for s in arrays["seconds"]],
        "scalars": {name: [_rounded(v) for v in trace.series(name)] for name in facts["scalars"]},
        "real": _places(arrays["real"], box),
        "samples": _places(arrays["samples"], box),
        "best": _levels(best_discriminator(p[None], arrays["q"].astype(np.float64), least=LEAST, pack=facts["pack"])),
    }
    if "manifold" in arrays:
        run |= {
            "manifold": _places(arrays["manifold"], box),
            "sheet": list(arrays["manifold"].shape[1:3]),
            "density": _densities(arrays["density"].astype(np.float64)),
        }
    return run | (_judged(trace) if "disc" in arrays else {})


def _judged(trace: Trace) -> dict[str, Any]:
    """Pack what D says; a critic's numbers are drawn by how far they are from halfway between both sides' means."""
    arrays = {k: trace.arrays[k].astype(np.float64) for k in ("disc", "slopes", "at_points", "d_real", "d_fake")}
    shown = {k: _belief(arrays[k], arrays, trace.facts["output"]) for k in ("disc", "d_real", "d_fake")}
    return {
        "disc": _levels(shown["disc"]),
        "arrows": int(arrays["slopes"].shape[1]),
        "pull": _pull(arrays["slopes"], arrays["at_points"]),
        "histograms": [_histograms(shown[k]) for k in ("d_real", "d_fake")],
        "within": _within(trace, arrays) if "within" in trace.arrays else None,
    }


def _pull(slopes: Array, outputs: Array) -> dict[str, str]:
    """Pack slopes of D and what it says at the same points."""
    low, high = SLOPE_DECADES
    decade = np.clip(np.log10(np.maximum(np.linalg.norm(slopes, axis=-1), 10**low)), low, high)
    angle = np.arctan2(slopes[..., 1], slopes[..., 0]) / (2 * math.pi) % 1.0
    limited = np.clip(outputs, -OUTPUT_LIMIT, OUTPUT_LIMIT) / OUTPUT_LIMIT
    return {
        "angle": _text(np.round(angle * 256).astype(np.int64) % 256, np.uint8),
        "length": _text(np.round((decade - low) / (high - low) * 255), np.uint8),
        "outputs": _text(np.round((limited + 1) / 2 * 65535), np.uint16),
    }


def _within(trace: Trace, judged: dict[str, Array]) -> dict[str, Any]:
    """Pack what one step changed, D's belief and places, each as 255 levels of the largest change of its frame.

    One step moves a sample by less than a level of its packed place.
    """
    before = {k: trace.arrays[k].astype(np.float64) for k in ("disc_before", "points_before", "slopes_before")}
    now, then = (_belief(v, judged, trace.facts["output"]) for v in (judged["disc"], before["disc_before"]))
    moved = trace.arrays["points"].astype(np.float64) - before["points_before"]
    side = float(trace.facts["view"][2])
    return {
        "seen": trace.arrays["within"].tolist(),
        "change": _changes(now - then),
        "moved": _changes(moved / side),
        "pull": _pull(before["slopes_before"], trace.arrays["at_before"].astype(np.float64)),
    }


def _changes(values: Array) -> dict[str, Any]:
    most = np.abs(values).reshape(len(values), -1).max(axis=1)
    shape = (-1, *([1] * (values.ndim - 1)))
    levels = np.round(values / np.maximum(most, 1e-30).reshape(shape) * 127) + 127
    return {"most": [_rounded(float(m)) for m in most], "levels": _text(levels, np.uint8)}


def _belief(values: Array, arrays: dict[str, Array], output: str) -> Array:
    """Turn D's outputs into numbers from 0 to 1."""
    from scipy.special import expit

    if output == "logit":
        out: Array = expit(values)
        return out
    if output == "score":
        return np.clip(values, 0.0, 1.0)
    both = np.concatenate([arrays["d_real"], arrays["d_fake"]], axis=1)
    middle = (arrays["d_real"].mean(axis=1) + arrays["d_fake"].mean(axis=1)) / 2
    spread = np.maximum(both.std(axis=1), 1e-12)
    shape = (-1, *([1] * (values.ndim - 1)))
    scaled: Array = expit((values - middle.reshape(shape)) / spread.reshape(shape))
    return scaled


def _histograms(values: Array) -> list[list[int]]:
    return [np.histogram(row, bins=BINS, range=(0.0, 1.0))[0].tolist() for row in values]


def _places(rows: NDArray[Any], box: tuple[float, float, float]) -> str:
    unit = (rows.astype(np.float64) - np.array(box[:2])) / box[2]
    return _text(np.round(np.clip(unit, 0.0, 1.0) * 65535), np.uint16)


def _levels(values: Array) -> str:
    known = np.isfinite(values)
    return _text(np.where(known, np.round(np.where(known, values, 0.0) * 254), NONE), np.uint8)


def _densities(values: Array) -> str:
    """Pack seven bits of logarithm, between the 5 and 95 % points of the run, and one bit for a fold."""
    logs = np.log10(np.maximum(np.abs(values), 1e-30))
    low, high = np.quantile(logs, [0.05, 0.95])
    level = np.clip((logs - low) / max(float(high - low), 1e-9), 0.0, 1.0)
    return _text(np.round(level * 127) + 128 * (values < 0), np.uint8)


def _text(values: NDArray[Any], kind: type[np.generic]) -> str:
    little = np.ascontiguousarray(values).astype(np.dtype(kind).newbyteorder("<"))
    return base64.b64encode(little.tobytes()).decode("ascii")


def _rounded(value: float) -> float | None:
    return float(f"{value:.5g}") if math.isfinite(value) else None
