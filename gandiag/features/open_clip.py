"""Image embeddings of OpenCLIP: ``open_clip:ViT-B-32?weights=/path/to/open_clip_model.safetensors``.

The path is asked for, as one architecture has weights from many data sets. Size, mean and deviation are those that the
network carries; images are resized in one step and without a crop, by ``clean`` unless ``?resize=`` says otherwise.
Embeddings are not brought to length 1.
"""

from __future__ import annotations

from typing import Any

from gandiag.core.samples import SampleSet
from gandiag.core.specs import FeatureSpec
from gandiag.errors import ConfigError
from gandiag.features._address import chosen, split
from gandiag.features._images import require_images
from gandiag.features._network_map import NetworkMap, device_for
from gandiag.features._packages import OPTIONS, Reading, imported, network_map, told
from gandiag.features._resizing import MODES
from gandiag.features._weights import Known, load, tensors


def fit(samples: SampleSet, address: str = "") -> NetworkMap:
    """Build the network and load its weights; nothing is fitted.

    Parameters
    ----------
    samples : SampleSet
        Must be images.
    address : str
        Name of an architecture of OpenCLIP, with ``?weights=``, and ``?sha256=``, ``?resize=`` and ``?device=``.

    Raises
    ------
    ConfigError
        For a name that there is not, or without weights.
    MissingExtra
        When open_clip cannot be imported.
    """
    require_images(samples, "open_clip")
    target, options = split(address, OPTIONS, of="open_clip")
    device = device_for(options.get("device", ""), "open_clip")
    resize = chosen(options.get("resize", "clean"), tuple(MODES), "resize", "open_clip")
    if "weights" not in options:
        raise ConfigError(
            "open_clip features need the file of the weights, for one architecture has many",
            received=target or "no architecture",
            remedy="Name open_clip:ARCHITECTURE?weights=FILE.",
        )
    package = imported("open_clip", "open-clip-torch", "open_clip")
    if target not in package.list_models():
        raise ConfigError(
            "open_clip must have an architecture of that name", received=target, remedy="See open_clip.list_models()."
        )
    known = Known(of=f"open_clip:{target}", file="open_clip_model.safetensors")
    data, digest, place = load(known, options["weights"], options.get("sha256", ""))
    with told("open_clip", place):
        network = package.create_model(target, pretrained=None)
        network.load_state_dict(tensors(data, place, of=f"open_clip:{target}"))
    return network_map(
        samples,
        name=f"open_clip:{target}",
        network=network,
        call=network.encode_image,
        reading=_reading(network.visual, resize),
        device=device,
        digest=digest,
    )


def _reading(visual: Any, resize: str) -> Reading:
    size = visual.image_size
    height, width = size if isinstance(size, tuple | list) else (size, size)
    return Reading(height=height, width=width, mean=visual.image_mean, deviation=visual.image_std, resize=resize)


FEATURES = FeatureSpec(
    name="open_clip",
    summary="Image embeddings of OpenCLIP: open_clip:ViT-B-32?weights=FILE.",
    fit=fit,
    kinds=frozenset({"image"}),
    argument="name of an architecture",
)
