"""Networks from other packages: imported when asked for, loaded from files, never fetched by themselves."""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from gandiag.core.samples import SampleSet
from gandiag.errors import ConfigError, FileFormatError, MissingExtra
from gandiag.features._images import as_bytes
from gandiag.features._network_map import Matrix, NetworkMap, softmax
from gandiag.features._resizing import MODES

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
OPTIONS = ("weights", "sha256", "resize", "device")


def imported(module: str, package: str, of: str) -> Any:
    """Import a module of another package.

    Raises
    ------
    MissingExtra
        When it cannot be imported; where torchvision does not fit torch, that is said.
    """
    try:
        return importlib.import_module(module)
    except Exception as error:
        broken = "torchvision::" in str(error)
        raise MissingExtra(
            "torch and torchvision must be of one release and one build (CPU or CUDA)"
            if broken
            else f"{of} features need the package {package}",
            received=f"{type(error).__name__}: {error}",
            remedy="Install torchvision from the index that torch came from, see https://pytorch.org/get-started."
            if broken
            else f"Run: pip install {package}",
        ) from error


@contextmanager
def told(of: str, what: str) -> Iterator[None]:
    """Turn whatever another package raises while it builds or loads into an error of ours."""
    try:
        yield
    except (ConfigError, FileFormatError):
        raise
    except Exception as error:
        raise FileFormatError(
            f"{what} must be what {of} can load",
            received=f"{type(error).__name__}: {str(error)[:200]}",
            remedy="Check the name of the network, and that the weights are its own.",
        ) from error


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How a network reads images: size, mean and deviation of the channels in units of 0 to 1, and the resize."""

    height: int
    width: int
    mean: Sequence[float] = IMAGENET[0]
    deviation: Sequence[float] = IMAGENET[1]
    resize: str = "clean"

    def __call__(self, images: Any) -> Any:
        """Resize and scale float images (b, 3, h, w) of values 0 to 255."""
        import torch

        # A rectangle is reached by its longer side, which no network at hand asks for: squares in one step.
        if self.height == self.width:
            resized = MODES[self.resize](images, self.height)
        else:
            resized = torch.nn.functional.interpolate(
                images, size=(self.height, self.width), mode="bicubic", align_corners=False, antialias=True
            ).clamp(0.0, 255.0)
        mean, deviation = (
            255.0 * torch.tensor(values, dtype=torch.float32, device=images.device).view(1, 3, 1, 1)
            for values in (self.mean, self.deviation)
        )
        return (resized - mean) / deviation

    def __str__(self) -> str:
        numbers = ",".join(f"{value:g}" for value in (*self.mean, *self.deviation))
        return f"{self.resize}:{self.height}x{self.width}:{hashlib.sha256(numbers.encode()).hexdigest()[:6]}"


def digest_of_state(state: Mapping[str, Any]) -> str:
    """Give the SHA-256 of named tensors: their names, types, shapes and numbers, in the order of the names."""
    import torch

    digest = hashlib.sha256()
    for name in sorted(state):
        tensor = state[name].detach().cpu().contiguous()
        digest.update(f"{name}:{tensor.dtype}:{tuple(tensor.shape)}:".encode())
        digest.update(tensor.flatten().view(torch.uint8).numpy().tobytes() if tensor.numel() else b"")
    return digest.hexdigest()


def network_map(
    samples: SampleSet,
    *,
    name: str,
    network: Any,
    call: Callable[[Any], Any],
    reading: Reading,
    device: str,
    digest: str = "",
    classify: Callable[[Matrix], Matrix] | None = None,
) -> NetworkMap:
    """Make a map of a torch module: in evaluation mode, on its device, named by its weights and its reading.

    Parameters
    ----------
    samples : SampleSet
        One row is mapped to learn the width.
    name : str
        With what stands after the colon.
    network : torch.nn.Module
    call : callable
        What `Reading` gives, to features (b, d).
    reading : Reading
    device : str
    digest : str
        Of the file of weights; that of the tensors where there is none.
    classify : callable, optional
    """
    import torch

    network.to(device=device, dtype=torch.float32).eval().requires_grad_(False)

    def forward(images: Any) -> Any:
        found = call(reading(images))
        return found.flatten(1).float()

    with torch.inference_mode(), told(name, "one image"):
        first = next(samples.blocks(1))[1]
        width = int(forward(torch.from_numpy(as_bytes(first, samples, name)).to(device).float()).shape[1])
    digest = digest or digest_of_state(network.state_dict())
    return NetworkMap(
        name=name,
        forward=forward,
        width=width,
        identity=f"{name}:{width}:{digest[:12]}:{reading}:float32",
        device=device,
        classify=classify,
    )


def before_last_layer(network: Any) -> tuple[Callable[[Any], Any], Callable[[Matrix], Matrix]]:
    """Take what a classifier's last linear layer reads for features, and that layer for class probabilities.

    Raises
    ------
    ConfigError
        For a network without a linear layer.
    """
    import torch

    layers = [module for module in network.modules() if isinstance(module, torch.nn.Linear)]
    if not layers:
        raise ConfigError(
            "features are what the last linear layer reads", received=f"{type(network).__name__} without one",
            remedy="Name a classifier, or a map of your own: package.module:attr.",
        )  # fmt: skip
    last, read = layers[-1], []
    last.register_forward_pre_hook(lambda _, inputs: read.append(inputs[0]))
    weight = last.weight.detach().double().cpu().numpy().T.copy()
    bias = 0.0 if last.bias is None else last.bias.detach().double().cpu().numpy()

    def call(images: Any) -> Any:
        read.clear()
        network(images)
        return read.pop()

    return call, lambda features: softmax(features @ weight + bias)
