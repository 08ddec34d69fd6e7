"""Grey images have one form, whatever way they come in: files have no axis of channels, torch's generators have one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import gandiag
from gandiag.core.samples import SampleSet
from gandiag.errors import ShapeError
from gandiag.samplers import _finite

VALUES = np.random.default_rng(0).integers(0, 256, (60, 6, 5), dtype=np.uint8)
TENSOR = torch.from_numpy(VALUES[:, None].copy())


class Drawing(nn.Module):
    """Whole grey values of shape (n, 1, 6, 5), as a generator of images gives them."""

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        """Map latents to pictures."""
        return (z.sigmoid() * 255.0).round().reshape(-1, 1, 6, 5).to(torch.uint8)


class Protocol:
    """A sampler of one's own that gives a SampleSet."""

    name, size = "own", None

    def sample(self, n: int, *, rng: np.random.Generator) -> SampleSet:
        """Draw."""
        return SampleSet(values=VALUES[rng.integers(60, size=n), ..., None], kind="image", value_range=(0.0, 255.0))


WAYS: dict[str, Callable[[Path], Any]] = {
    "folder": lambda folder: folder,
    "array": lambda folder: VALUES,
    "channels last": lambda folder: VALUES[..., None],
    "channels first": lambda folder: VALUES[:, None],
    "tensor": lambda folder: TENSOR,
    "data set": lambda folder: TensorDataset(TENSOR, torch.arange(60)),
    "loader": lambda folder: DataLoader(TensorDataset(TENSOR), batch_size=7),
    "function": lambda folder: lambda n, rng: VALUES[rng.integers(60, size=n), None],
    "protocol": lambda folder: Protocol(),
    "sample set": lambda folder: SampleSet(values=VALUES[..., None], kind="image", value_range=(0.0, 255.0)),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("grey")
    for i, picture in enumerate(VALUES):
        Image.fromarray(picture).save(place / f"{i}.png")
    return place


@pytest.mark.parametrize("way", WAYS)
def test_every_way_in_gives_one_form(way: str, folder: Path) -> None:
    found = gandiag.open_sampler(WAYS[way](folder)).sample(40, rng=np.random.default_rng(1))
    assert (found.kind, found.shape, found.value_range) == ("image", (6, 5), (0.0, 255.0))
    known = {picture.tobytes() for picture in VALUES}
    assert all(np.ascontiguousarray(row).tobytes() in known for row in np.asarray(found.values))


def test_a_generator_is_scored_against_a_folder(folder: Path) -> None:
    report = gandiag.score(folder, Drawing(), latent="normal:30", n=40, metrics=["energy"], permutations=19)
    assert report["energy"].estimate is not None
    # Negative control: colour is another shape, and is said to be.
    with pytest.raises(ShapeError, match=r"the shape that grey\d+ has, \(6, 5\); got \(6, 5, 3\)"):
        gandiag.score(folder, np.repeat(VALUES[..., None], 3, axis=-1), metrics=["energy"])


@pytest.mark.parametrize("axis", [1, 3])
def test_rows_that_stay_on_the_disk_have_that_form_too(
    axis: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.save(tmp_path / "x.npy", np.expand_dims(VALUES, axis))
    held = gandiag.open_sampler(tmp_path / "x.npy").sample(50, rng=np.random.default_rng(2))
    monkeypatch.setattr(_finite, "MOST_BYTES_READ", 10)
    left = gandiag.open_sampler(tmp_path / "x.npy").sample(50, rng=np.random.default_rng(2))
    assert hasattr(left.values, "rows")
    assert left.shape == held.shape == (6, 5)
    np.testing.assert_array_equal(np.asarray(left.values), held.values)
    np.testing.assert_array_equal(next(left.take(np.arange(9)).blocks())[1], held.values[:9])
