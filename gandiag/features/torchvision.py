"""Networks of torchvision: ``torchvision:resnet50`` or ``torchvision:resnet50?weights=/path/to/weights.pth``.

Features are what the last linear layer reads, and class probabilities are what it says. Without a path the file of
torchvision's default weights is looked for in the folder of weights and in torch's cache; its name holds the start of
its SHA-256, which is checked. Images are resized to the size that those weights were evaluated at, in one step and
without a crop, by ``clean`` unless ``?resize=`` says otherwise.
"""

from __future__ import annotations

import re
from typing import Any

from gandiag.core.samples import SampleSet
from gandiag.core.specs import FeatureSpec
from gandiag.errors import ConfigError
from gandiag.features._address import chosen, split
from gandiag.features._images import require_images
from gandiag.features._network_map import NetworkMap, device_for
from gandiag.features._packages import OPTIONS, Reading, before_last_layer, imported, network_map, told
from gandiag.features._resizing import MODES
from gandiag.features._weights import Known, load, tensors


def fit(samples: SampleSet, address: str = "") -> NetworkMap:
    """Build the network and load its weights; nothing is fitted.

    Parameters
    ----------
    samples : SampleSet
        Must be images.
    address : str
        Name of a classifier of torchvision, with ``?weights=``, ``?sha256=``, ``?resize=`` and ``?device=`` after it.

    Raises
    ------
    ConfigError
        For a name that there is not, or when there are no weights.
    MissingExtra
        When torchvision cannot be imported.
    """
    require_images(samples, "torchvision")
    target, options = split(address, OPTIONS, of="torchvision")
    device = device_for(options.get("device", ""), "torchvision")
    resize = chosen(options.get("resize", "clean"), tuple(MODES), "resize", "torchvision")
    models = imported("torchvision", "torchvision", "torchvision").models
    if target not in models.list_models():
        raise ConfigError(
            "torchvision must have a network of that name", received=target or "none", remedy="See its list_models()."
        )
    published = models.get_model_weights(target).DEFAULT
    known = _known(target, str(published.url))
    data, digest, place = load(known, options.get("weights", ""), options.get("sha256", ""))
    with told("torchvision", place):
        network = models.get_model(target, weights=None)
        network.load_state_dict(tensors(data, place, of=f"torchvision:{target}"))
    call, classify = before_last_layer(network)
    return network_map(
        samples,
        name=f"torchvision:{target}",
        network=network,
        call=call,
        reading=_reading(published, resize),
        device=device,
        digest=digest,
        classify=classify,
    )


def _known(name: str, url: str) -> Known:
    file = url.rpartition("/")[2]
    start = re.search(r"-([0-9a-f]{8,})\.", file)
    return Known(of=f"torchvision:{name}", file=file, url=url, sha256=start[1] if start else None)


def _reading(published: Any, resize: str) -> Reading:
    preset = published.transforms()
    side = int(preset.crop_size[0])
    return Reading(height=side, width=side, mean=preset.mean, deviation=preset.std, resize=resize)


FEATURES = FeatureSpec(
    name="torchvision",
    summary="What the last layer of a torchvision classifier reads: torchvision:resnet50.",
    fit=fit,
    kinds=frozenset({"image"}),
    argument="name of a network",
)
