"""The network behind the features `digits_cnn`, from named tensors: three convolutions and two linear layers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SIDE = 16
WIDTH = 64
CLASSES = 10
SHAPES: Mapping[str, tuple[int, ...]] = {
    "conv1.weight": (16, 1, 3, 3),
    "conv1.bias": (16,),
    "conv2.weight": (32, 16, 3, 3),
    "conv2.bias": (32,),
    "conv3.weight": (64, 32, 3, 3),
    "conv3.bias": (64,),
    "hidden.weight": (WIDTH, 64 * 4 * 4),
    "hidden.bias": (WIDTH,),
    "classes.weight": (CLASSES, WIDTH),
    "classes.bias": (CLASSES,),
}


def resized(images: Any) -> Any:
    """Bring images (b, 1, h, w) to 16 by 16, smoothed where they shrink."""
    from torch.nn import functional

    if tuple(images.shape[2:]) == (SIDE, SIDE):
        return images
    return functional.interpolate(images, size=(SIDE, SIDE), mode="bilinear", align_corners=False, antialias=True)


def features(state: Mapping[str, Any], images: Any) -> Any:
    """Map images (b, 1, 16, 16) of values 0 to 1 to the hidden layer, shape (b, 64)."""
    from torch.nn import functional

    x = functional.conv2d(images, state["conv1.weight"], state["conv1.bias"], padding=1).relu()
    x = functional.conv2d(x, state["conv2.weight"], state["conv2.bias"], stride=2, padding=1).relu()
    x = functional.conv2d(x, state["conv3.weight"], state["conv3.bias"], stride=2, padding=1).relu()
    return functional.linear(x.flatten(1), state["hidden.weight"], state["hidden.bias"]).relu()
