"""Networks of timm: ``timm:resnet18.a1_in1k`` or ``timm:resnet18?weights=/path/to/model.safetensors``.

The network is built without its classifier, so features are pooled as timm pools them. Without a path the published
weights are looked for in the cache of Hugging Face; where they are not there, what to run is said, and
``--allow-download`` lets the hub's own client fetch them. No digest is pinned for so many networks: that of the file is
part of the fingerprint, and ``?sha256=`` demands one. Size, mean and deviation are timm's for the network; images are
resized in one step and without a crop, by ``clean`` unless ``?resize=`` says otherwise.
"""

from __future__ import annotations

from typing import Any

from gandiag.core.samples import SampleSet
from gandiag.core.specs import FeatureSpec
from gandiag.errors import ConfigError
from gandiag.features._address import chosen, split
from gandiag.features._hub import from_hub
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
        Name of a network of timm, with ``?weights=``, ``?sha256=``, ``?resize=`` and ``?device=`` after it.

    Raises
    ------
    ConfigError
        For a name that there is not, or when there are no weights.
    MissingExtra
        When timm cannot be imported.
    """
    require_images(samples, "timm")
    target, options = split(address, OPTIONS, of="timm")
    device = device_for(options.get("device", ""), "timm")
    resize = chosen(options.get("resize", "clean"), tuple(MODES), "resize", "timm")
    timm = imported("timm", "timm", "timm")
    if not timm.is_model(target):
        raise ConfigError(
            "timm must have a network of that name", received=target or "none", remedy="See timm.list_models()."
        )
    published = getattr(timm.get_pretrained_cfg(target), "hf_hub_id", None)
    path = options.get("weights") or from_hub(published, "model.safetensors", of=f"timm:{target}")
    data, digest, place = load(Known(of=f"timm:{target}", file="model.safetensors"), path, options.get("sha256", ""))
    with told("timm", place):
        network = timm.create_model(target, pretrained=False)
        network.load_state_dict(tensors(data, place, of=f"timm:{target}"))
        network.reset_classifier(0)
    return network_map(
        samples,
        name=f"timm:{target}",
        network=network,
        call=network,
        reading=_reading(timm.data.resolve_model_data_config(network), resize),
        device=device,
        digest=digest,
    )


def _reading(settings: Any, resize: str) -> Reading:
    _, height, width = settings["input_size"]
    return Reading(height=height, width=width, mean=settings["mean"], deviation=settings["std"], resize=resize)


FEATURES = FeatureSpec(
    name="timm",
    summary="Pooled features of a network of timm: timm:resnet18?weights=FILE.",
    fit=fit,
    kinds=frozenset({"image"}),
    argument="name of a network",
)
