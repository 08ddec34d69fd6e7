"""EfficientNet-Lite0 written for inference over published weights: batch norms folded, images channels last.

EfficientNet-B0 (Tan & Le 2019, "EfficientNet: rethinking model scaling for convolutional neural networks") without
squeeze and excitation and with activations cut at 6. Convolutions pad as TensorFlow does: at the end more than at the
beginning. Weights are named as in the package efficientnet-lite-pytorch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gandiag.features._folding import folded, tensor
from gandiag.features._network_map import Matrix

WIDTH = 1280
CLASSES = 1000
SIDE = 224
_EPSILON = 1e-3
_OF = "EfficientNet-Lite0"

# Repeats, stride of the first, whether the channels are widened first.
_STAGES = ((1, 1, False), (2, 2, True), (2, 2, True), (3, 2, True), (3, 1, True), (4, 2, True), (1, 1, True))


@dataclass(frozen=True, eq=False)
class _Convolution:
    weight: Any
    bias: Any
    stride: int
    groups: int

    def __call__(self, x: Any) -> Any:
        from torch.nn import functional

        side = self.weight.shape[-1]
        lacking = [max((-(-n // self.stride) - 1) * self.stride + side - n, 0) for n in x.shape[2:]]
        if all(n % 2 == 0 for n in lacking):
            padding = tuple(n // 2 for n in lacking)
        else:
            rows, columns = lacking
            x = functional.pad(x, (columns // 2, columns - columns // 2, rows // 2, rows - rows // 2))
            padding = (0, 0)
        return functional.conv2d(x, self.weight, self.bias, self.stride, padding, groups=self.groups)


@dataclass(frozen=True, eq=False)
class _Block:
    """Widen (if at all), filter each channel, narrow; added to the input where the shape is kept."""

    widen: _Convolution | None
    filter: _Convolution
    narrow: _Convolution

    def __call__(self, x: Any) -> Any:
        wide = x if self.widen is None else _cut(self.widen(x))
        found = self.narrow(_cut(self.filter(wide)))
        return found + x if found.shape == x.shape else found


def _cut(x: Any) -> Any:
    return x.clamp_(0.0, 6.0)


class Network:
    """Images (b, 3, 224, 224) of values about -1 to 1, to the 1280 pooled features.

    Raises
    ------
    FileFormatError
        Where a tensor is lacking, or of another shape.
    """

    def __init__(self, state: Mapping[str, Any], device: str) -> None:
        self.device = device
        self._state = state
        self._stem = self._convolution("_conv_stem", "_bn0", stride=2)
        self._blocks = list(self._all_blocks())
        self._head = self._convolution("_conv_head", "_bn1")
        self.weight: Matrix = tensor(state, "_fc.weight", (CLASSES, WIDTH), of=_OF).double().numpy().T.copy()
        self.bias: Matrix = tensor(state, "_fc.bias", (CLASSES,), of=_OF).double().numpy()
        del self._state

    def __call__(self, images: Any) -> Any:
        """Map images to features, float32 of shape (b, 1280)."""
        x = _cut(self._stem(images))
        for block in self._blocks:
            x = block(x)
        return _cut(self._head(x)).mean(dim=(2, 3))

    def _all_blocks(self) -> Iterator[_Block]:
        place = 0
        for repeats, stride, widens in _STAGES:
            for repeat in range(repeats):
                name = f"_blocks.{place}"
                yield _Block(
                    widen=self._convolution(f"{name}._expand_conv", f"{name}._bn0") if widens else None,
                    filter=self._convolution(
                        f"{name}._depthwise_conv", f"{name}._bn1", stride=1 if repeat else stride, depthwise=True
                    ),
                    narrow=self._convolution(f"{name}._project_conv", f"{name}._bn2"),
                )
                place += 1

    def _convolution(self, name: str, norm: str, *, stride: int = 1, depthwise: bool = False) -> _Convolution:
        import torch

        weight, bias = folded(self._state, name, norm, epsilon=_EPSILON, of=_OF)
        weight = weight.to(device=self.device, dtype=torch.float32).contiguous(memory_format=torch.channels_last)
        bias = bias.to(device=self.device, dtype=torch.float32)
        return _Convolution(weight, bias, stride, len(weight) if depthwise else 1)
