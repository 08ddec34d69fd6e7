"""DINOv2 features, 384 to 1536 numbers, from the authors' code and weights on this machine: ``dinov2:vit-s-14``.

Features of a network that learnt without labels agree best with what people see (Stein et al. 2023, "Exposing flaws of
generative model evaluation metrics and their unfair treatment of diffusion models"; their large network is
``dinov2:vit-l-14``). Both lie where ``torch.hub`` puts them, and neither is fetched from here, for what would come is
code that runs. Once, where there is a network::

    python -c "import torch; torch.hub.load('facebookresearch/dinov2', 'dinov2_vits14')"

Then nothing is asked of the network. ``?code=FOLDER`` and ``?weights=FILE`` name other places; naming them runs that
code. Images are read as torch-fidelity reads them for DINOv2: 224 by 224 as in TensorFlow 1, scaled as ImageNet.
"""

from __future__ import annotations

from typing import Any

from gandiag.core.files import in_home
from gandiag.core.samples import SampleSet
from gandiag.core.specs import FeatureSpec
from gandiag.errors import ConfigError
from gandiag.features._address import split
from gandiag.features._images import require_images
from gandiag.features._network_map import NetworkMap, device_for
from gandiag.features._packages import Reading, network_map, told
from gandiag.features._weights import Known, load, tensors, torch_home

NETWORKS = {f"vit-{size}-14": f"dinov2_vit{size}14" for size in "sblg"}
_CODE = "facebookresearch_dinov2_main"


def fit(samples: SampleSet, address: str = "") -> NetworkMap:
    """Build the network from code and weights that are here; nothing is fitted.

    Parameters
    ----------
    samples : SampleSet
        Must be images.
    address : str
        vit-s-14 (the default), vit-b-14, vit-l-14 or vit-g-14, with ``?code=``, ``?weights=``, ``?sha256=`` and
        ``?device=`` after it.

    Raises
    ------
    ConfigError
        When code or weights are not there.
    FileFormatError
        When they do not fit each other.
    """
    import torch

    require_images(samples, "dinov2")
    target, options = split(address, ("code", "weights", "sha256", "device"), of="dinov2")
    name = target or "vit-s-14"
    if name not in NETWORKS:
        raise ConfigError(
            f"the network of dinov2 must be one of {', '.join(NETWORKS)}",
            received=name,
            remedy="Name it after a colon: dinov2:vit-s-14.",
        )
    device = device_for(options.get("device", ""), "dinov2")
    code = in_home(options.get("code") or torch_home() / _CODE)
    if not (code / "hubconf.py").is_file():
        raise ConfigError(
            "dinov2 features need the authors' code in torch's folder; nothing is downloaded",
            received=f"no hubconf.py in {code}",
            remedy=(
                'Run once: python -c "import torch; '
                f"torch.hub.load('facebookresearch/dinov2', '{NETWORKS[name]}')\"; or name ?code=FOLDER."
            ),
        )
    known = Known(of=f"dinov2:{name}", file=f"{NETWORKS[name]}_pretrain.pth")
    data, digest, place = load(known, options.get("weights", ""), options.get("sha256", ""))
    with told("dinov2", place):
        hub: Any = torch.hub
        network = hub.load(str(code), NETWORKS[name], source="local", pretrained=False)
        network.load_state_dict(tensors(data, place, of="dinov2"))
    return network_map(
        samples,
        name=f"dinov2:{name}",
        network=network,
        call=network,
        reading=Reading(height=224, width=224, resize="tf-legacy"),
        device=device,
        digest=digest,
    )


FEATURES = FeatureSpec(
    name="dinov2",
    summary="DINOv2 features, from code and weights in torch's folder: dinov2:vit-s-14.",
    fit=fit,
    kinds=frozenset({"image"}),
    argument="vit-s-14, vit-b-14, vit-l-14 or vit-g-14",
)
