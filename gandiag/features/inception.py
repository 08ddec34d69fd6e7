"""The 2048 pooled features of the Inception network of the FID, from a weights file that lies on this machine.

The network and its resize are torch-fidelity's copy of the original TensorFlow graph, so the features are those that
published FIDs rest on (Heusel et al. 2017). Nothing is downloaded: the file is named by the environment variable
``GANDIAG_INCEPTION_WEIGHTS`` or in the name of the features, ``inception:/path/to/weights.pth``. It must have the
known SHA-256, unless another is named knowingly, ``inception:/path/to/weights.pth?sha256=...``; it is read as plain
tensors, and the start of its digest is part of the fingerprint. ``?device=cpu`` keeps the network off a CUDA device.

Images are bytes, or values in the declared range that are rounded to bytes, which is what the network was fed; grey
ones are repeated to three channels. About ten images a second on a desktop's cores.
"""

from __future__ import annotations

import hashlib
import io
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qsl

import numpy as np
from numpy.typing import NDArray

from gandiag.core.options import refuse_unknown
from gandiag.core.samples import KnownModes, SampleSet
from gandiag.core.specs import FeatureSpec
from gandiag.errors import ConfigError, FileFormatError, IntegrityError, MissingExtra, RangeError, ShapeError

VARIABLE = "GANDIAG_INCEPTION_WEIGHTS"
KNOWN_SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"
WIDTH = 2048
_HOME = "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/weights-inception-2015-12-05-6726825d.pth"
_BATCH = 32


@dataclass(frozen=True, eq=False)
class Inception:
    """The network with fixed weights.

    Parameters
    ----------
    network : torch.nn.Module
        Bytes of shape (b, 3, h, w) to a tuple of features.
    digest : str
        SHA-256 of the weights file.
    device : str
        Where the network lies.
    """

    network: Any
    digest: str
    device: str
    cacheable: ClassVar[bool] = True

    def __call__(self, samples: SampleSet) -> NDArray[np.float64]:
        """Map images to features, shape (n, 2048).

        Raises
        ------
        ShapeError
            For samples that are no grey or colour images.
        RangeError
            For values that are no bytes, without a declared range.
        """
        import torch

        _require_images(samples)
        out = np.empty((len(samples), WIDTH))
        with torch.inference_mode():
            for start, block in samples.blocks(_BATCH):
                images = torch.from_numpy(as_bytes(block, samples)).to(self.device)
                features = self.network(images.contiguous(memory_format=torch.channels_last))[0]
                out[start : start + len(block)] = features.double().cpu().numpy()
        return out

    def fingerprint(self) -> str:
        """Name the map, its width and the start of the weights' digest."""
        return f"inception:{WIDTH}:{self.digest[:12]}"

    def modes(self, modes: KnownModes) -> KnownModes | None:
        """Drop exact modes: the network is not affine."""
        return None


def as_bytes(block: NDArray[Any], samples: SampleSet) -> NDArray[np.uint8]:
    """Bring images (b, h, w) or (b, h, w, c) to bytes of shape (b, 3, h, w).

    Parameters
    ----------
    block : ndarray
    samples : SampleSet
        The images that the block is of: its value range is mapped to 0 to 255; what lies outside is cut.
    """
    if block.dtype == np.uint8 and samples.value_range in (None, (0, 255)):
        whole = block
    elif samples.value_range is None:
        raise RangeError(
            f"inception features need to know the value range of {samples.source}",
            received=f"images of {block.dtype} without one",
            remedy="Pass value_range=(0, 1), (-1, 1) or (0, 255).",
        )
    else:
        low, high = samples.value_range
        scaled = (block.astype(np.float64) - low) * (255.0 / (high - low))
        whole = np.clip(np.rint(scaled), 0.0, 255.0).astype(np.uint8)
    colour = whole[..., None] if whole.ndim == 3 else whole
    if colour.shape[-1] == 1:
        colour = np.repeat(colour, 3, axis=-1)
    return np.array(np.moveaxis(colour, -1, 1), order="C")  # a copy: torch wants to own what it reads


def fit(samples: SampleSet, address: str = "") -> Inception:
    """Load the weights; nothing is fitted.

    Parameters
    ----------
    samples : SampleSet
        Must be images.
    address : str
        Path of the weights, with ``?sha256=`` and ``?device=`` after it; the environment variable by default.

    Raises
    ------
    ConfigError
        When no weights are named, or they are not there.
    IntegrityError
        When the file is another than the one expected.
    FileFormatError
        When the file holds no weights of this network.
    MissingExtra
        When torch-fidelity cannot be imported.
    """
    _require_images(samples)
    path, options = _read(address or os.environ.get(VARIABLE, ""))
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(
            "the weights of the Inception network must be readable",
            received=f"{path}: {error.strerror}",
            remedy=f"Fetch {_HOME} to that path, or correct the path.",
        ) from error
    digest = hashlib.sha256(data).hexdigest()
    expected = options.get("sha256", KNOWN_SHA256).lower()
    if digest != expected:
        raise IntegrityError(
            f"the weights of the Inception network must have SHA-256 {expected}",
            received=f"{digest} of {path}",
            remedy=f"Fetch {_HOME} again; to use another file knowingly, name inception:PATH?sha256={digest}.",
        )
    device = options.get("device") or _default_device()
    return Inception(_network(data, path, device), digest, device)


def _read(address: str) -> tuple[Path, dict[str, str]]:
    path, _, query = address.partition("?")
    if not path:
        raise ConfigError(
            "inception features need the weights of the network in a file on this machine; nothing is downloaded",
            received="no path",
            remedy=f"Fetch {_HOME} once, and set {VARIABLE} to its path or name features='inception:PATH'.",
        )
    options = dict(parse_qsl(query, keep_blank_values=True))
    refuse_unknown(options, ("sha256", "device"), of="the feature map inception")
    return Path(path).expanduser(), options


def _default_device() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def _network(data: bytes, path: Path, device: str) -> Any:
    """Build the network from tensors that were read without running code from the file."""
    import torch

    kind = _network_class()
    try:
        state = torch.load(io.BytesIO(data), weights_only=True, map_location="cpu")
        # The class loads its weights by unpickling: what it gets is our own copy of the tensors, not the file.
        clean = io.BytesIO()
        torch.save(state, clean)
        clean.seek(0)
        network = kind("inception-v3-compat", [str(WIDTH)], feature_extractor_weights_path=clean)
    except Exception as error:
        raise FileFormatError(
            f"{path} must hold the tensors of the TensorFlow Inception network",
            received=f"{type(error).__name__}: {str(error)[:200]}",
            remedy=f"Fetch {_HOME}.",
        ) from error
    return network.to(device=device, memory_format=torch.channels_last)


def _network_class() -> Any:
    try:
        from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
    except Exception as error:
        broken = "torchvision::" in str(error)
        raise MissingExtra(
            "torch and torchvision must be of one release and one build (CPU or CUDA)"
            if broken
            else "inception features need the package torch-fidelity",
            received=f"{type(error).__name__}: {error}",
            remedy="Install torchvision from the index that torch came from, see https://pytorch.org/get-started."
            if broken
            else "Run: pip install torch-fidelity",
        ) from error
    return FeatureExtractorInceptionV3


def _require_images(samples: SampleSet) -> None:
    shape = samples.shape
    if samples.kind != "image" or not (len(shape) == 2 or (len(shape) == 3 and shape[2] in (1, 3))):
        raise ShapeError(
            f"inception features need {samples.source} to be grey or colour images",
            received=f"{samples.kind} samples of shape {shape}",
            remedy="Give images of shape (height, width), or with 1 or 3 channels last.",
        )


FEATURES = FeatureSpec(
    name="inception",
    summary="Pooled features of the Inception network of the FID; needs its weights in a local file.",
    fit=fit,
    kinds=frozenset({"image"}),
    argument="path of the weights",
)
