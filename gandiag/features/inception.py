"""The 2048 pooled features of the Inception network of the FID, from a weights file that lies on this machine.

They are the features that published FIDs rest on (Heusel et al. 2017): torch-fidelity's to 1e-5 of the largest on the
same weights, with its TensorFlow resize, at about twice its speed on two cores. The file is looked for at the path
in the name of the features, ``inception:/path/to/weights.pth``, in the environment variable
``GANDIAG_INCEPTION_WEIGHTS``, in the folder of weights and in torch's cache. It must have the known SHA-256, unless
another is named knowingly, ``inception:/path/to/weights.pth?sha256=...``; it is read as plain tensors. Options:

``resize``
    ``tf-legacy`` (torch-fidelity, the original FID), ``torch-legacy`` (pytorch-fid, with its scaling by 127.5) or
    ``clean`` (clean-fid). Numbers of different modes do not compare.
``precision``
    ``float32``, or ``bf16``: faster on a graphics card or a processor with matrix units for it, slower on others, and
    off by some thousandths of the largest feature, which is not for published numbers.
``device``
    ``cpu`` keeps the network off a CUDA device, ``cuda:1`` chooses one.

Weights, resize and precision are part of the fingerprint. Images are bytes, or values in the declared range that are
rounded to bytes, which is what the network was fed; grey ones are repeated to three channels. The network ends in a
classifier without which there would be no Inception score: class probabilities are read off the features.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from gandiag.core.samples import SampleSet
from gandiag.core.specs import FeatureSpec
from gandiag.features._address import chosen, split
from gandiag.features._images import require_images
from gandiag.features._inception_network import SIDE, WIDTH, Network
from gandiag.features._network_map import Matrix, NetworkMap, device_for, softmax
from gandiag.features._resizing import MODES
from gandiag.features._weights import Known, load, tensors

VARIABLE = "GANDIAG_INCEPTION_WEIGHTS"
KNOWN_SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"
PRECISIONS = ("float32", "bf16")

_FILE = "weights-inception-2015-12-05-6726825d.pth"
WEIGHTS = Known(
    of="inception",
    file=_FILE,
    url=f"https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/{_FILE}",
    sha256=KNOWN_SHA256,
    variable=VARIABLE,
)


def _around_128(images: Any) -> Any:
    return (images - 128.0) / 128.0


def _around_half(images: Any) -> Any:
    return images / 127.5 - 1.0


# Every mode scales as the tool scales that it is named after.
_SCALES: Mapping[str, Callable[[Any], Any]] = {
    "tf-legacy": _around_128,
    "torch-legacy": _around_half,
    "clean": _around_128,
}


def fit(samples: SampleSet, address: str = "") -> NetworkMap:
    """Load the weights; nothing is fitted.

    Parameters
    ----------
    samples : SampleSet
        Must be images.
    address : str
        Path of the weights, with ``?sha256=``, ``?resize=``, ``?precision=`` and ``?device=`` after it.

    Raises
    ------
    ConfigError
        When there are no weights, or for an option that is none.
    IntegrityError
        When the file is another than the one expected.
    FileFormatError
        When the file holds no weights of this network.
    """
    require_images(samples, "inception")
    target, options = split(address, ("sha256", "resize", "precision", "device"), of="inception")
    resize = chosen(options.get("resize", "tf-legacy"), tuple(MODES), "resize", "inception")
    precision = chosen(options.get("precision", "float32"), PRECISIONS, "precision", "inception")
    device = device_for(options.get("device", ""), "inception")
    data, digest, place = load(WEIGHTS, target, options.get("sha256", ""))
    network = Network(tensors(data, place, of="the TensorFlow Inception network"), device, precision)
    return NetworkMap(
        name="inception",
        forward=partial(_forward, network, MODES[resize], _SCALES[resize]),
        width=WIDTH,
        identity=f"inception:{WIDTH}:{digest[:12]}:{resize}:{precision}",
        device=device,
        classify=partial(_probabilities, network.classifier),
    )


def _forward(network: Network, resize: Callable[[Any, int], Any], scale: Callable[[Any], Any], images: Any) -> Any:
    return network(scale(resize(images, SIDE)))


def _probabilities(classifier: Matrix, features: Matrix) -> Matrix:
    """Read class probabilities off features; the biases stay out, as in the original score."""
    return softmax(features @ classifier)


FEATURES = FeatureSpec(
    name="inception",
    summary="Pooled features of the Inception network of the FID; needs its weights in a local file.",
    fit=fit,
    kinds=frozenset({"image"}),
    argument="path of the weights",
)
