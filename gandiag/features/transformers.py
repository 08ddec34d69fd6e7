"""Networks of Hugging Face's transformers: ``transformers:facebook/dinov2-small`` or ``transformers:/path/to/folder``.

Loaded from a folder or from the cache of Hugging Face, with safetensors alone and without code from the repository;
``--allow-download`` lets the package fetch what is not there. Features are image embeddings where the network has them
(CLIP and its kin), else its pooled output, else the first token. No digest is pinned for so many networks: that of the
loaded tensors is part of the fingerprint. Size, mean and deviation are those of the network's image processor; images
are resized in one step and without a crop, by ``clean`` unless ``?resize=`` says otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from gandiag.core.downloads import downloads_allowed
from gandiag.core.samples import SampleSet
from gandiag.core.specs import FeatureSpec
from gandiag.errors import ConfigError
from gandiag.features._address import chosen, split
from gandiag.features._images import require_images
from gandiag.features._network_map import NetworkMap, device_for
from gandiag.features._packages import Reading, imported, network_map
from gandiag.features._resizing import MODES


def fit(samples: SampleSet, address: str = "") -> NetworkMap:
    """Load network and image processor; nothing is fitted.

    Parameters
    ----------
    samples : SampleSet
        Must be images.
    address : str
        A folder or the name of a repository, with ``?resize=`` and ``?device=`` after it.

    Raises
    ------
    ConfigError
        When they are not there and may not be fetched, or are none of this kind.
    MissingExtra
        When transformers cannot be imported.
    """
    require_images(samples, "transformers")
    target, options = split(address, ("resize", "device"), of="transformers")
    device = device_for(options.get("device", ""), "transformers")
    resize = chosen(options.get("resize", "clean"), tuple(MODES), "resize", "transformers")
    if not target:
        raise ConfigError(
            "transformers must be told which network",
            received="no name",
            remedy="Name transformers:FOLDER, or transformers:OWNER/NAME.",
        )
    package = imported("transformers", "transformers", "transformers")
    local = {"local_files_only": not downloads_allowed(), "trust_remote_code": False}
    try:
        processor = package.AutoImageProcessor.from_pretrained(target, **local)
        network = package.AutoModel.from_pretrained(target, use_safetensors=True, **local)
    except Exception as error:
        raise ConfigError(
            f"transformers must be able to load {target} from this machine",
            received=f"{type(error).__name__}: {str(error)[:200]}",
            remedy=f"Run: hf download {target}; or name a folder, or allow it: --allow-download.",
        ) from error
    return network_map(
        samples,
        name=f"transformers:{Path(target).name if Path(target).is_dir() else target}",
        network=network,
        call=_call(network),
        reading=_reading(processor, resize),
        device=device,
    )


def _call(network: Any) -> Callable[[Any], Any]:
    embed = getattr(network, "get_image_features", None)
    return partial(_embedded, embed) if embed is not None else partial(_pooled, network)


def _embedded(embed: Callable[..., Any], images: Any) -> Any:
    found = embed(pixel_values=images)
    return getattr(found, "pooler_output", found)  # newer versions wrap the embeddings


def _pooled(network: Any, images: Any) -> Any:
    found = network(pixel_values=images)
    pooled = getattr(found, "pooler_output", None)
    return found.last_hidden_state[:, 0] if pooled is None else pooled


def _reading(processor: Any, resize: str) -> Reading:
    size = getattr(processor, "crop_size", None) or processor.size
    side = size.get("height") or size.get("shortest_edge")
    width = size.get("width") or side
    return Reading(height=side, width=width, mean=processor.image_mean, deviation=processor.image_std, resize=resize)


FEATURES = FeatureSpec(
    name="transformers",
    summary="Image features of a network of transformers: transformers:FOLDER or transformers:OWNER/NAME.",
    fit=fit,
    kinds=frozenset({"image"}),
    argument="folder or repository",
)
