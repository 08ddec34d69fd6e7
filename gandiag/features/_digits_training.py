"""How the weights of `digits_cnn` were made: ``python -m gandiag.features._digits_training [FILE]``.

The network learns to name the 899 digits of ``data:digits?split=train`` (8 by 8, Alpaydin & Kaynak 1998, shipped with
scikit-learn), turned, moved, sheared, scaled, blurred and with other contrast each time they are shown, so that it
serves digits of other sizes and hands as well. One seed, one thread: on one machine two runs give the same bytes. It
takes a few minutes. What it scores on the other half, which it has not seen, is written into the file.
"""

from __future__ import annotations

import json
import math
import platform
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gandiag.core.files import replace_file
from gandiag.core.rng import stream
from gandiag.core.specs import DATASETS
from gandiag.features._digits_network import SHAPES, features, resized

SEED = 0
STEPS = 3000
BATCH = 128
RATE = 2e-3
FILE = Path(__file__).parent / "digits_cnn.safetensors"


def digits(split: str) -> tuple[Any, Any]:
    """Open a half of the digits as images (n, 1, 16, 16) of values 0 to 1, and their classes."""
    import torch

    sampler = DATASETS.get("digits").open(split=split)
    samples = sampler.sample(sampler.size or 0, rng=stream(SEED, "digits_cnn", split))
    values = np.concatenate([block for _, block in samples.blocks()]).astype(np.float32) / 16.0
    return resized(torch.from_numpy(values)[:, None]), torch.from_numpy(np.array(samples.labels))


def shown(images: Any, rng: np.random.Generator) -> Any:
    """Draw what is shown of each image: turned, as large or smaller, moved, paler or bolder, softer or sharper."""
    import torch
    from torch.nn import functional

    n = len(images)
    angle = rng.uniform(-math.pi / 12, math.pi / 12, n)
    scale, ratio = rng.uniform(1.0, 1.8, n), rng.uniform(0.85, 1.2, n)
    shear = rng.uniform(-0.2, 0.2, n)
    cos, sin = np.cos(angle), np.sin(angle)
    turn: NDArray[np.float64] = np.empty((n, 2, 3))
    turn[:, 0, 0], turn[:, 0, 1] = scale * ratio * cos, scale * (shear * cos - sin)
    turn[:, 1, 0], turn[:, 1, 1] = scale * ratio * sin, scale * (shear * sin + cos)
    turn[:, :, 2] = rng.uniform(-1.0, 1.0, (n, 2)) * (0.15 + 0.6 * (scale[:, None] - 1.0))
    grid = functional.affine_grid(torch.from_numpy(turn.astype(np.float32)), [n, 1, 16, 16], align_corners=False)
    moved = functional.grid_sample(images, grid, align_corners=False)
    soft = functional.avg_pool2d(moved, 3, stride=1, padding=1)
    share = torch.from_numpy(rng.uniform(-0.6, 0.7, (n, 1, 1, 1)).astype(np.float32))
    bright = torch.from_numpy(rng.uniform(0.8, 1.3, (n, 1, 1, 1)).astype(np.float32))
    noise = torch.from_numpy(rng.normal(0.0, 0.03, moved.shape).astype(np.float32))
    return ((moved + share * (soft - moved)) * bright + noise).clamp(0.0, 1.0)


def trained(steps: int = STEPS) -> dict[str, Any]:
    """Train from the seed, and give the tensors."""
    import torch
    from torch.nn import functional

    images, classes = digits("train")
    start, draws = stream(SEED, "digits_cnn", "weights"), stream(SEED, "digits_cnn", "batches")
    state = {}
    for name, shape in SHAPES.items():
        spread = math.sqrt(2.0 / math.prod(shape[1:])) if name.endswith("weight") else 0.0
        state[name] = torch.from_numpy((spread * start.standard_normal(shape)).astype(np.float32)).requires_grad_()
    optimiser = torch.optim.AdamW(list(state.values()), lr=RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(steps):
        rows = torch.from_numpy(draws.integers(0, len(images), BATCH))
        logits = verdicts(state, features(state, shown(images[rows], draws)))
        loss = functional.cross_entropy(logits, classes[rows], label_smoothing=0.05)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
    return {name: tensor.detach().contiguous() for name, tensor in state.items()}


def verdicts(state: Mapping[str, Any], rows: Any) -> Any:
    """Give the logits of features."""
    from torch.nn import functional

    return functional.linear(rows, state["classes.weight"], state["classes.bias"])


def accuracy(state: Mapping[str, Any], images: Any, classes: Any) -> float:
    """Give the share of images whose class is named."""
    import torch

    with torch.inference_mode():
        return float((verdicts(state, features(state, images)).argmax(dim=1) == classes).float().mean())


def write(path: Path, steps: int = STEPS) -> Mapping[str, str]:
    """Train, score and write the weights with where they come from; give the latter."""
    import torch
    from safetensors.torch import save

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        state = trained(steps)
    finally:
        torch.set_num_threads(threads)
    facts = {
        "made by": "python -m gandiag.features._digits_training",
        "data": "data:digits?split=train (899 images; Alpaydin & Kaynak 1998, shipped with scikit-learn)",
        "seed": SEED,
        "steps": steps,
        "batch": BATCH,
        "accuracy on data:digits?split=test": round(accuracy(state, *digits("test")), 4),
        "licence": "Apache-2.0",
        "versions": {"python": platform.python_version(), "numpy": np.__version__, "torch": torch.__version__},
    }
    metadata = {"provenance": json.dumps(facts, sort_keys=True)}
    replace_file(path, save(state, metadata=metadata))
    return metadata


if __name__ == "__main__":
    sys.stdout.write(write(Path(sys.argv[1]) if len(sys.argv) > 1 else FILE)["provenance"] + "\n")
