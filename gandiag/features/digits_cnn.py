"""The hidden layer of a small network that knows handwritten digits, shipped with the package: ``digits-cnn``.

Sixty-four rectified numbers per image, from which the classes 0 to 9 are read: for grey digits, light on dark, such as
``data:digits`` (8 by 8) or MNIST (28 by 28), where pixel distances see strokes that moved by a pixel as another digit.
Images are brought to 16 by 16. The weights were trained on half of the 8 by 8 digits, ``data:digits?split=train``; what
they are, what they score and the program that makes them again stand in `gandiag.features._digits_training`. Against
that half itself features look a little surer than they should, so score against ``split=test``. Class probabilities
are read off the features, for an inception score of digits from 1 to 10. Of anything but digits it says nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from gandiag.core.samples import SampleSet
from gandiag.core.specs import FeatureSpec
from gandiag.errors import ConfigError, ShapeError
from gandiag.features._address import split
from gandiag.features._digits_network import SHAPES, WIDTH, features, resized
from gandiag.features._folding import tensor
from gandiag.features._images import require_images, unit_values
from gandiag.features._network_map import Matrix, NetworkMap, device_for, softmax
from gandiag.features._weights import Known, load, tensors

NAME = "digits-cnn"
PATH = Path(__file__).parent / "digits_cnn.safetensors"
SHA256 = "de14a929d4d01c3df6b73b50b85e5052e06b6b6e55377a27f0446ffc5156e004"
_SMALLEST, _LARGEST = 8, 64


def fit(samples: SampleSet, address: str = "") -> NetworkMap:
    """Load the weights that ship; nothing is fitted.

    Parameters
    ----------
    samples : SampleSet
        Grey images of 8 by 8 to 64 by 64 pixels, light digits on a dark ground.
    address : str
        Nothing, or ``?device=``.

    Raises
    ------
    ShapeError
        For images in colour or of another size.
    IntegrityError
        When the file that ships was changed.
    """
    _require_digits(samples)
    target, options = split(address, ("device",), of=NAME)
    if target:
        raise ConfigError(f"{NAME} has weights of its own", received=target, remedy=f"Name features={NAME!r}.")
    device = device_for(options.get("device", ""), NAME)
    data, digest, place = load(Known(of=NAME, file=PATH.name, sha256=SHA256), str(PATH))
    state = tensors(data, place, of=NAME)
    weights = {name: tensor(state, name, shape, of=NAME).to(device) for name, shape in SHAPES.items()}
    return NetworkMap(
        name=NAME,
        forward=partial(_forward, weights),
        width=WIDTH,
        identity=f"{NAME}:{WIDTH}:{digest[:12]}",
        device=device,
        classify=partial(
            _probabilities,
            weights["classes.weight"].double().cpu().numpy().T.copy(),
            weights["classes.bias"].double().cpu().numpy(),
        ),
        prepare=_prepared,
        whole_batches=True,
    )


def _forward(weights: Mapping[str, Any], images: Any) -> Any:
    return features(weights, resized(images))


def _probabilities(weight: Matrix, bias: Matrix, rows: Matrix) -> Matrix:
    return softmax(rows @ weight + bias)


def _prepared(block: NDArray[Any], samples: SampleSet) -> NDArray[Any]:
    """Bring digits to values 0 to 1 of shape (b, 1, h, w)."""
    _require_digits(samples)
    values = unit_values(block, samples, NAME)
    return values.reshape(len(values), 1, *samples.shape[:2])


def _require_digits(samples: SampleSet) -> None:
    require_images(samples, NAME)
    sides = samples.shape[:2]
    if samples.shape[2:] == (3,) or min(sides) < _SMALLEST or max(sides) > _LARGEST:
        raise ShapeError(
            f"{NAME} features need grey images of {_SMALLEST} to {_LARGEST} pixels on a side",
            received=f"{samples.shape} of {samples.source}",
            remedy="It knows handwritten digits alone; for other images choose other features.",
        )


FEATURES = FeatureSpec(
    name="digits_cnn",
    summary="Hidden layer of a small network that ships with the package, for grey handwritten digits.",
    fit=fit,
    kinds=frozenset({"image"}),
    argument="nothing, or ?device=",
)
