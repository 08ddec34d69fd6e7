"""Features from an ONNX file: ``onnx:/path/to/embed.onnx?scale=imagenet``.

The first input takes images (b, 3, h, w) of single precision, the first output gives features, which are flattened to
(b, d). The size is read from the graph, or named where it is free: ``?side=224``. What a network was trained to read is
not in the file and must fit: ``?scale=`` is one of

========  =====================================================
unit      0 to 1 (the default)
signed    -1 to 1
bytes     0 to 255
imagenet  the mean and deviation of ImageNet, channel by channel
========  =====================================================

``?resize=`` is ``clean`` unless named. Runs on the processor. The fingerprint holds the SHA-256 of the file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gandiag.core.options import whole
from gandiag.core.samples import SampleSet
from gandiag.core.specs import FeatureSpec
from gandiag.errors import ConfigError, ShapeError
from gandiag.features._address import chosen, split
from gandiag.features._images import as_bytes, require_images
from gandiag.features._network_map import NetworkMap
from gandiag.features._packages import IMAGENET, Reading, imported, told
from gandiag.features._resizing import MODES
from gandiag.features._weights import Known, load

SCALES: Mapping[str, tuple[Sequence[float], Sequence[float]]] = {
    "unit": ((0.0,) * 3, (1.0,) * 3),
    "signed": ((0.5,) * 3, (0.5,) * 3),
    "bytes": ((0.0,) * 3, (1.0 / 255.0,) * 3),
    "imagenet": IMAGENET,
}


def fit(samples: SampleSet, address: str = "") -> NetworkMap:
    """Open the file; nothing is fitted.

    Parameters
    ----------
    samples : SampleSet
        Must be images.
    address : str
        Path of the file, with ``?scale=``, ``?side=``, ``?resize=`` and ``?sha256=`` after it.

    Raises
    ------
    ConfigError
        Without a file, or without a size.
    MissingExtra
        When onnxruntime cannot be imported.
    FileFormatError
        When the file is none that onnxruntime can run.
    """
    require_images(samples, "onnx")
    target, options = split(address, ("scale", "side", "resize", "sha256"), of="onnx")
    scale = chosen(options.get("scale", "unit"), tuple(SCALES), "scale", "onnx")
    resize = chosen(options.get("resize", "clean"), tuple(MODES), "resize", "onnx")
    if not target:
        raise ConfigError("onnx must be told the file", received="no path", remedy="Name onnx:FILE.")
    data, digest, place = load(Known(of="onnx", file=target), target, options.get("sha256", ""))
    runtime = imported("onnxruntime", "onnxruntime", "onnx")
    with told("onnxruntime", place):
        session = runtime.InferenceSession(data, providers=["CPUExecutionProvider"])
    entry = session.get_inputs()[0]
    side = _side(entry.shape, options.get("side", ""), place)
    mean, deviation = SCALES[scale]
    reading = Reading(height=side, width=side, mean=mean, deviation=deviation, resize=resize)
    forward = partial(_forward, session, entry.name, reading)
    import torch

    with told("onnxruntime", place):
        first = next(samples.blocks(1))[1]
        width = int(forward(torch.from_numpy(as_bytes(first, samples, "onnx")).float()).shape[1])
    return NetworkMap(
        name="onnx",
        forward=forward,
        width=width,
        identity=f"onnx:{width}:{digest[:12]}:{scale}:{reading}:float32",
        device="cpu",
    )


def _forward(session: Any, entry: str, reading: Reading, images: Any) -> Any:
    import torch

    values: NDArray[np.float32] = reading(images).contiguous().numpy()
    found = np.asarray(session.run(None, {entry: values})[0])
    return torch.from_numpy(found.reshape(len(values), -1).astype(np.float32))


def _side(shape: Sequence[Any], asked: str, place: str) -> int:
    """Find the side of the images that the graph takes."""
    if len(shape) != 4 or (shape[1] not in (3, None) and not isinstance(shape[1], str)):
        raise ShapeError(
            f"the first input of {place} must take images (b, 3, h, w)",
            received=f"shape {list(shape)}",
            remedy="Export the network for images in colour, channels first.",
        )
    sides = {int(side) for side in shape[2:] if isinstance(side, int)}
    if asked:
        sides |= {whole(asked, "side", at_least=1, at_most=4096)}
    if len(sides) != 1:
        raise ConfigError(
            f"{place} must take square images of one size",
            received=f"shape {list(shape)}" + (f" and side={asked}" if asked else ""),
            remedy="Name the side where the graph leaves it free: onnx:FILE?side=224.",
        )
    return sides.pop()


FEATURES = FeatureSpec(
    name="onnx",
    summary="Features from an ONNX file: onnx:FILE?scale=imagenet.",
    fit=fit,
    kinds=frozenset({"image"}),
    argument="path of the file",
)
