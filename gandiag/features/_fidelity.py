"""Feature extractors of torch-fidelity, on weights from a file of known digest."""

from __future__ import annotations

import io
from collections.abc import Mapping
from functools import partial
from typing import Any

from gandiag.core.samples import SampleSet
from gandiag.features._address import split
from gandiag.features._images import as_bytes, require_images
from gandiag.features._network_map import NetworkMap, device_for
from gandiag.features._packages import imported, told
from gandiag.features._weights import Known, load


def extractor(
    samples: SampleSet, *, known: Known, address: str, module: str, kind: str, network: str, layer: str, plain: bool
) -> NetworkMap:
    """Build one extractor of torch-fidelity.

    Parameters
    ----------
    samples : SampleSet
        Images.
    known : Known
        Its weights.
    address : str
        Path of the weights, with ``?sha256=`` and ``?device=`` after it.
    module, kind, network, layer : str
        Module and class of torch-fidelity, and the names that it gives to the network and to the features.
    plain : bool
        Whether the file holds plain tensors, which are read without running code from it; else it is an archive of
        TorchScript, of which torch-fidelity takes the tensors.
    """
    import torch

    require_images(samples, known.of)
    target, options = split(address, ("sha256", "device"), of=known.of)
    device = device_for(options.get("device", ""), known.of)
    data, digest, place = load(known, target, options.get("sha256", ""))
    builder = getattr(imported(f"torch_fidelity.{module}", "torch-fidelity", known.of), kind)
    with told("torch-fidelity", place):
        # Its class unpickles what it is given: for plain tensors that is our own copy, not the file.
        built = builder(network, [layer], feature_extractor_weights_path=_copied(data) if plain else io.BytesIO(data))
    built.to(device=device, memory_format=torch.channels_last)
    forward = partial(_forward, built)
    with torch.inference_mode():
        first = next(samples.blocks(1))[1]
        width = int(forward(torch.from_numpy(as_bytes(first, samples, known.of)).to(device).float()).shape[1])
    return NetworkMap(
        name=known.of,
        forward=forward,
        width=width,
        identity=f"{known.of}:{width}:{digest[:12]}:tf-legacy:float32",
        device=device,
    )


def _copied(data: bytes) -> io.BytesIO:
    import torch

    state: Mapping[str, Any] = torch.load(io.BytesIO(data), weights_only=True, map_location="cpu")
    copy = io.BytesIO()
    torch.save(state, copy)
    copy.seek(0)
    return copy


def _forward(network: Any, images: Any) -> Any:
    import torch

    return network(images.to(torch.uint8))[0]
