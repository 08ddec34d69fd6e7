"""Features from a network with fixed weights: images to bytes, bytes to what the network reads, in batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gandiag.core.samples import KnownModes, SampleSet
from gandiag.device import network_device
from gandiag.errors import ConfigError, NonFiniteError
from gandiag.features._images import as_bytes, require_images

Matrix = NDArray[np.float64]

_BATCH = 32  # a network's products are at full speed from here on, on two cores; a graphics card takes more
_BATCH_CUDA = 128


@dataclass(frozen=True, kw_only=True, eq=False)
class NetworkMap:
    """A network with fixed weights.

    Parameters
    ----------
    name : str
        Of the feature map, for messages.
    forward : callable
        Float32 images of values 0 to 255, shape (b, 3, h, w) on the device, to features, shape (b, d).
    width : int
        d.
    identity : str
        Everything that the features depend on; the fingerprint.
    device : str
        Where the network lies.
    classify : callable, optional
        Features, shape (n, d), to class probabilities, shape (n, K), where the network ends in a classifier.
    prepare : callable, optional
        A block of samples and the samples it is of, to what ``forward`` gets, of any type, in the place of bytes.
    cacheable : bool
        Whether ``identity`` names all that the features depend on.
    whole_batches : bool
        Whether a short batch is filled up with zeros, so that all products have one shape: libraries sum short ones in
        another order, and equal images would differ in the last bits. For networks that this costs nothing.
    """

    name: str
    forward: Callable[[Any], Any]
    width: int
    identity: str
    device: str
    classify: Callable[[Matrix], Matrix] | None = None
    prepare: Callable[[NDArray[Any], SampleSet], NDArray[Any]] | None = None
    cacheable: bool = True
    whole_batches: bool = False

    def __call__(self, samples: SampleSet) -> Matrix:
        """Map images to features, shape (n, d).

        Raises
        ------
        ShapeError
            For samples that are no grey or colour images.
        RangeError
            For values that are no bytes, without a declared range.
        NonFiniteError
            When the network gives a value that is no number.
        """
        import torch

        require_images(samples, self.name)
        out = np.empty((len(samples), self.width))
        batch = _BATCH_CUDA if self.device.startswith("cuda") else _BATCH
        with torch.inference_mode(), exact_products(self.device):
            for start, block in samples.blocks(batch):
                read = self.prepare(block, samples) if self.prepare else as_bytes(block, samples, self.name)
                read = _filled(read, batch) if self.whole_batches else read
                images = torch.from_numpy(read).to(self.device)
                features = self.forward(images.float().contiguous(memory_format=torch.channels_last))
                out[start : start + len(block)] = features[: len(block)].double().cpu().numpy()
        if not np.isfinite(out).all():
            raise NonFiniteError(
                f"{self.name} features of {samples.source} must be finite",
                received=f"{int((~np.isfinite(out)).any(axis=1).sum())} rows that are not",
                remedy="Check the weights; at a lower precision, name float32.",
            )
        return out

    def fingerprint(self) -> str:
        """Name the map and everything that its features depend on."""
        return self.identity

    def modes(self, modes: KnownModes) -> KnownModes | None:
        """Drop exact modes: the network is not affine."""
        return None


def _filled(images: NDArray[Any], batch: int) -> NDArray[Any]:
    lacking = np.zeros((batch - len(images), *images.shape[1:]), dtype=images.dtype)
    return np.concatenate([images, lacking]) if len(lacking) else images


@contextmanager
def exact_products(device: str) -> Iterator[None]:
    """Hold single precision on a CUDA device to single precision: TF32 keeps ten bits of a factor, which shows."""
    import torch

    if not device.startswith("cuda"):
        yield
        return
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = False
    try:
        with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
            yield
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before


def device_for(asked: str, of: str) -> str:
    """Read the option ``device``; without it the device of the whole run, or a CUDA device where there is one.

    Raises
    ------
    ConfigError
        For a device that is not there.
    """
    import torch

    if not asked:
        return network_device()
    kind, _, index = asked.partition(":")
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    there = asked == "cpu" or (kind == "cuda" and (not index or index.isdigit()) and int(index or 0) < count)
    if not there:
        raise ConfigError(
            f"`device` of {of} must be cpu, or a CUDA device that is there",
            received=f"{asked} with {count} CUDA devices",
            remedy=f"Name {of}:...?device=cpu, or leave it out.",
        )
    return asked


def softmax(logits: Matrix) -> Matrix:
    """Turn each row of logits into probabilities."""
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    out: Matrix = weights / weights.sum(axis=1, keepdims=True)
    return out
