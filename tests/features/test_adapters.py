"""Networks of other packages: real ones where they are installed, stand-ins of the same shape for the others."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gandiag.core.downloads import downloading
from gandiag.core.samples import SampleSet
from gandiag.errors import ConfigError, FileFormatError, IntegrityError, MissingExtra, ShapeError
from gandiag.features import fitted_map
from gandiag.features._packages import Reading
from gandiag.features._resizing import clean, tf_legacy

torch = pytest.importorskip("torch")

IMAGENET = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])


def pictures(n: int = 2, side: int = 20, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (n, side, side, 3)).astype(np.uint8)


def sample_set(values: NDArray[np.generic] | None = None) -> SampleSet:
    return SampleSet(values=pictures() if values is None else values, kind="image", value_range=(0, 255), source="p")


def tensor_of(values: NDArray[np.uint8]) -> Any:
    return torch.from_numpy(np.moveaxis(values, -1, 1).astype(np.float32))


def scaled(images: Any, mean: list[float], deviation: list[float]) -> Any:
    one, two = (torch.tensor(values).view(1, 3, 1, 1) for values in (mean, deviation))
    return (images / 255.0 - one) / two


def saved(state: Any, path: Path) -> str:
    torch.save(state, path)
    return hashlib.sha256(path.read_bytes()).hexdigest()


class Tiny(torch.nn.Module):
    """Stands in for a network that others define."""

    def __init__(self, **more: Any) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(3)
            self.body = torch.nn.Conv2d(3, 5, 3, stride=4)
            self.head = torch.nn.Linear(5, 4)

    def forward(self, images: Any) -> Any:
        return self.head(self.body(images).mean(dim=(2, 3)))


def module(monkeypatch: pytest.MonkeyPatch, name: str, **attributes: Any) -> None:
    stand_in = ModuleType(name)
    for key, value in attributes.items():
        setattr(stand_in, key, value)
    monkeypatch.setitem(sys.modules, name, stand_in)


@pytest.fixture(autouse=True)
def _empty_places(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GANDIAG_WEIGHTS", str(tmp_path / "none"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))


def expect(name: str, expected: Any, *, starts: str) -> None:
    """Hold features and fingerprint against what was computed by hand."""
    features = fitted_map(name, sample_set())
    found, expected = features(sample_set()), expected.detach().numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())
    assert features.fingerprint().startswith(starts)
    assert found.std(axis=0).max() > 0


# torch-fidelity


def tiny_clip(path: Path) -> str:
    """Write an archive of TorchScript with the tensors of a small image tower, as OpenAI's archives have them."""
    peer = pytest.importorskip("torch_fidelity.feature_extractor_clip")
    tower = peer.CLIPVisual(16, 64, 2, 64, 32)
    state = {name: value.detach().half() for name, value in tower.state_dict().items()}
    state["text_projection"] = torch.zeros(8, 16).half()

    root = torch.nn.Module()
    for name, value in state.items():
        home, parts = root, name.split(".")
        for part in parts[:-1]:
            if not hasattr(home, part):
                home.add_module(part, torch.nn.Module())
            home = getattr(home, part)
        home.register_buffer(parts[-1], value)
    torch.jit.save(torch.jit.script(root), str(path))
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.usefixtures("torchvision_schemas")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_clip_is_torch_fidelitys(tmp_path: Path) -> None:
    peer = pytest.importorskip("torch_fidelity.feature_extractor_clip")
    digest = tiny_clip(tmp_path / "clip.pt")
    own = peer.FeatureExtractorCLIP("clip-vit-b-32", ["clip"], feature_extractor_weights_path=str(tmp_path / "clip.pt"))
    expected = own(torch.from_numpy(np.moveaxis(pictures(), -1, 1).copy()))[0]
    expect(f"clip:{tmp_path / 'clip.pt'}?sha256={digest}", expected, starts=f"clip:16:{digest[:12]}:tf-legacy")
    with pytest.raises(IntegrityError, match="weights of clip must have SHA-256 40d365715913"):
        fitted_map(f"clip:{tmp_path / 'clip.pt'}", sample_set())
    with pytest.raises(ConfigError, match=r"clip features need .*Fetch https://openaipublic\.azureedge\.net/clip"):
        fitted_map("clip", sample_set())


@pytest.mark.usefixtures("torchvision_schemas")
def test_vgg16_hands_plain_tensors_to_torch_fidelity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Extractor(Tiny):
        def __init__(self, name: str, layers: list[str], feature_extractor_weights_path: Any) -> None:
            super().__init__()
            assert (name, layers) == ("vgg16", ["fc2_relu"])
            self.load_state_dict(torch.load(feature_extractor_weights_path, weights_only=True))

        def forward(self, images: Any) -> Any:
            assert images.dtype == torch.uint8
            return (super().forward(images.float()).relu(),)

    module(monkeypatch, "torch_fidelity.feature_extractor_vgg16", FeatureExtractorVGG16=Extractor)
    digest = saved(Tiny().state_dict(), tmp_path / "vgg.pth")
    expected = Tiny()(tensor_of(pictures())).relu()
    expect(f"vgg16:{tmp_path / 'vgg.pth'}?sha256={digest}", expected, starts=f"vgg16:4:{digest[:12]}:tf-legacy")
    other = saved({"a": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(FileFormatError, match="must be what torch-fidelity can load"):
        fitted_map(f"vgg16:{tmp_path / 'other.pth'}?sha256={other}", sample_set())
    with pytest.raises(ConfigError, match=r"vgg16 features need .*vgg16-397923af\.pth"):
        fitted_map("vgg16", sample_set())


@pytest.mark.slow
@pytest.mark.usefixtures("torchvision_schemas")
def test_vgg16_is_torch_fidelitys(tmp_path: Path) -> None:
    peer = pytest.importorskip("torch_fidelity.feature_extractor_vgg16")
    models = pytest.importorskip("torchvision.models")
    digest = saved(models.vgg16(weights=None).state_dict(), tmp_path / "vgg.pth")
    own = peer.FeatureExtractorVGG16("vgg16", ["fc2_relu"], feature_extractor_weights_path=str(tmp_path / "vgg.pth"))
    expected = own(torch.from_numpy(np.moveaxis(pictures(), -1, 1).copy()))[0]
    expect(f"vgg16:{tmp_path / 'vgg.pth'}?sha256={digest}", expected, starts=f"vgg16:4096:{digest[:12]}")


# Classifiers of torchvision


@pytest.mark.usefixtures("torchvision_schemas")
def test_torchvision_gives_what_the_last_layer_reads_and_says(tmp_path: Path) -> None:
    models = pytest.importorskip("torchvision.models")
    torch.manual_seed(0)
    network = models.mobilenet_v3_small(weights=None).eval()
    digest = saved(network.state_dict(), tmp_path / "net.pth")
    images = scaled(clean(tensor_of(pictures()), 224), *IMAGENET)
    with torch.inference_mode():
        body = network.avgpool(network.features(images)).flatten(1)
        expected = network.classifier[:-1](body)
        logits = network(images)
    name = f"torchvision:mobilenet_v3_small?weights={tmp_path / 'net.pth'}&sha256={digest}"
    expect(name, expected, starts=f"torchvision:mobilenet_v3_small:1024:{digest[:12]}:clean:224x224")
    features = fitted_map(name, sample_set())
    probabilities = features.classify(features(sample_set()))  # type: ignore[attr-defined]
    np.testing.assert_allclose(probabilities, logits.softmax(dim=1).numpy(), rtol=1e-3)
    with pytest.raises(IntegrityError, match="must have SHA-256 047dcff4"):
        fitted_map(f"torchvision:mobilenet_v3_small?weights={tmp_path / 'net.pth'}", sample_set())
    with pytest.raises(
        ConfigError, match=r"torchvision:mobilenet_v3_small features need .*mobilenet_v3_small-047dcff4"
    ):
        fitted_map("torchvision:mobilenet_v3_small", sample_set())
    with pytest.raises(ConfigError, match="network of that name; got resnet1000"):
        fitted_map("torchvision:resnet1000", sample_set())


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (RuntimeError("operator torchvision::nms does not exist"), "torch and torchvision must be of one release"),
        (ModuleNotFoundError("No module named 'timm'"), "timm features need the package timm.*pip install timm"),
    ],
)
def test_a_package_that_cannot_be_imported_is_told(
    error: Exception, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Refusing:
        def find_spec(self, name: str, *rest: Any) -> None:
            if name == "timm":
                raise error

    monkeypatch.delitem(sys.modules, "timm", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Refusing(), *sys.meta_path])
    with pytest.raises(MissingExtra, match=told):
        fitted_map("timm:resnet18", sample_set())


# timm and the hub


class TimmLike(Tiny):
    def reset_classifier(self, classes: int) -> None:
        assert classes == 0
        self.head = torch.nn.Identity()


@pytest.fixture
def timm_like(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {"input_size": (3, 32, 32), "mean": (0.5, 0.5, 0.5), "std": (0.25, 0.25, 0.25)}
    module(
        monkeypatch,
        "timm",
        is_model=lambda name: name == "tiny",
        get_pretrained_cfg=lambda name: SimpleNamespace(hf_hub_id="timm/tiny"),
        create_model=lambda name, pretrained: TimmLike(),
        data=SimpleNamespace(resolve_model_data_config=lambda network: settings),
    )


@pytest.mark.usefixtures("timm_like")
def test_timm_loads_tensors_into_a_bare_network(tmp_path: Path) -> None:
    digest = saved(Tiny().state_dict(), tmp_path / "tiny.pth")
    images = scaled(clean(tensor_of(pictures()), 32), [0.5] * 3, [0.25] * 3)
    expected = Tiny().body(images).mean(dim=(2, 3))
    expect(f"timm:tiny?weights={tmp_path / 'tiny.pth'}", expected, starts=f"timm:tiny:5:{digest[:12]}:clean:32x32")
    with pytest.raises(IntegrityError, match="must have SHA-256 00000000"):
        fitted_map(f"timm:tiny?weights={tmp_path / 'tiny.pth'}&sha256=00000000", sample_set())
    with pytest.raises(ConfigError, match="timm must have a network of that name; got huge"):
        fitted_map("timm:huge", sample_set())
    saved({"a": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(FileFormatError, match="must be what timm can load"):
        fitted_map(f"timm:tiny?weights={tmp_path / 'other.pth'}", sample_set())


@pytest.mark.usefixtures("timm_like")
def test_the_hub_is_asked_only_when_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, asked = tmp_path / "model.safetensors", []
    from safetensors.torch import save_file

    save_file(Tiny().state_dict(), path)

    def download(repository: str, file: str) -> str:
        asked.append((repository, file))
        return str(path)

    module(monkeypatch, "huggingface_hub", try_to_load_from_cache=lambda *names: None, hf_hub_download=download)
    with pytest.raises(ConfigError, match=r"nothing is downloaded.*hf download timm/tiny model\.safetensors"):
        fitted_map("timm:tiny", sample_set())
    assert asked == []
    with downloading(True):
        assert fitted_map("timm:tiny", sample_set())(sample_set()).shape == (2, 5)
    assert asked == [("timm/tiny", "model.safetensors")]
    module(monkeypatch, "huggingface_hub", try_to_load_from_cache=lambda *names: str(path))
    assert fitted_map("timm:tiny", sample_set())(sample_set()).shape == (2, 5)


def test_timm_itself(tmp_path: Path) -> None:
    timm = pytest.importorskip("timm")
    network = timm.create_model("mobilenetv3_small_050", pretrained=False).eval()
    digest = saved(network.state_dict(), tmp_path / "net.pth")
    settings = timm.data.resolve_model_data_config(network)
    images = scaled(clean(tensor_of(pictures()), settings["input_size"][1]), settings["mean"], settings["std"])
    with torch.inference_mode():
        expected = network.forward_head(network.forward_features(images), pre_logits=True)
    name = f"timm:mobilenetv3_small_050?weights={tmp_path / 'net.pth'}"
    expect(name, expected, starts=f"timm:mobilenetv3_small_050:1024:{digest[:12]}")


# OpenCLIP, transformers, DINOv2


def test_open_clip_embeds_images_with_the_networks_own_scale(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Clip(Tiny):
        visual = SimpleNamespace(image_size=(24, 24), image_mean=(0.4, 0.5, 0.6), image_std=(0.2, 0.2, 0.3))

        def encode_image(self, images: Any) -> Any:
            return self.forward(images)

    module(monkeypatch, "open_clip", list_models=lambda: ["Tiny"], create_model=lambda name, pretrained: Clip())
    digest = saved(Tiny().state_dict(), tmp_path / "clip.pth")
    expected = Tiny()(scaled(clean(tensor_of(pictures()), 24), [0.4, 0.5, 0.6], [0.2, 0.2, 0.3]))
    name = f"open_clip:Tiny?weights={tmp_path / 'clip.pth'}"
    expect(name, expected, starts=f"open_clip:Tiny:4:{digest[:12]}:clean:24x24")
    with pytest.raises(ConfigError, match="need the file of the weights"):
        fitted_map("open_clip:Tiny", sample_set())
    with pytest.raises(ConfigError, match="architecture of that name; got Huge"):
        fitted_map(f"open_clip:Huge?weights={tmp_path / 'clip.pth'}", sample_set())


@pytest.mark.parametrize("kind", ["embeds", "pools", "neither"])
def test_transformers_are_loaded_from_this_machine_alone(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Network(Tiny):
        def forward(self, pixel_values: Any) -> Any:
            found = super().forward(pixel_values)
            pooled = found if kind == "pools" else None
            return SimpleNamespace(pooler_output=pooled, last_hidden_state=torch.stack([found, found + 1.0], dim=1))

    if kind == "embeds":
        Network.get_image_features = lambda self, pixel_values: Tiny.forward(self, pixel_values)  # type: ignore[attr-defined]
    settings: dict[str, Any] = {}

    def load(name: str, **more: Any) -> Any:
        if name == "absent":
            raise OSError("not in the cache")
        settings.update(more)
        return Network()

    processor = SimpleNamespace(size={"shortest_edge": 28}, image_mean=IMAGENET[0], image_std=IMAGENET[1])
    module(
        monkeypatch,
        "transformers",
        AutoModel=SimpleNamespace(from_pretrained=load),
        AutoImageProcessor=SimpleNamespace(from_pretrained=lambda name, **more: processor),
    )
    expected = Tiny()(scaled(clean(tensor_of(pictures()), 28), *IMAGENET))
    expect("transformers:owner/tiny", expected, starts="transformers:owner/tiny:4:")
    assert settings == {"local_files_only": True, "trust_remote_code": False, "use_safetensors": True}
    with downloading(True):
        fitted_map("transformers:owner/tiny", sample_set())
    assert settings["local_files_only"] is False
    with pytest.raises(ConfigError, match=r"load absent from this machine; got OSError.*hf download absent"):
        fitted_map("transformers:absent", sample_set())
    with pytest.raises(ConfigError, match="must be told which network"):
        fitted_map("transformers", sample_set())


def test_dinov2_runs_the_code_in_torchs_folder_and_fetches_none(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"authors' code.*nothing is downloaded.*no hubconf\.py in .*dinov2_main"):
        fitted_map("dinov2", sample_set())
    code = tmp_path / "torch/hub/facebookresearch_dinov2_main"
    code.mkdir(parents=True)
    (code / "hubconf.py").write_text(
        "import torch\n"
        "def dinov2_vits14(pretrained=True):\n"
        "    assert not pretrained\n"
        "    return torch.nn.Sequential(torch.nn.Conv2d(3, 6, 14, stride=14), torch.nn.AdaptiveAvgPool2d(1))\n"
    )
    with pytest.raises(ConfigError, match=r"dinov2:vit-s-14 features need the weights.*dinov2_vits14_pretrain\.pth"):
        fitted_map("dinov2", sample_set())
    layer = torch.nn.Conv2d(3, 6, 14, stride=14)
    (tmp_path / "torch/hub/checkpoints").mkdir()
    path = tmp_path / "torch/hub/checkpoints/dinov2_vits14_pretrain.pth"
    digest = saved({"0.weight": layer.weight.detach(), "0.bias": layer.bias.detach()}, path)
    expected = layer(scaled(tf_legacy(tensor_of(pictures()), 224), *IMAGENET)).mean(dim=(2, 3))
    expect("dinov2:vit-s-14", expected, starts=f"dinov2:vit-s-14:6:{digest[:12]}:tf-legacy:224x224")
    with pytest.raises(ConfigError, match=r"one of vit-s-14, .*; got vit-x\. Name it after a colon: dinov2:vit-s-14\."):
        fitted_map("dinov2:vit-x", sample_set())


# ONNX


class Session:
    """Stands in for onnxruntime's."""

    shape: tuple[Any, ...] = ("batch", 3, 16, 16)

    def __init__(self, data: bytes, providers: list[str]) -> None:
        if data != b"graph":
            raise RuntimeError("no graph")
        assert providers == ["CPUExecutionProvider"]

    def get_inputs(self) -> list[Any]:
        return [SimpleNamespace(name="images", shape=list(self.shape))]

    def run(self, names: None, given: dict[str, NDArray[np.float32]]) -> list[NDArray[np.float32]]:
        assert given["images"].shape[1:] == (3, 16, 16)
        return [given["images"].mean(axis=(2, 3))[:, :, None, None]]


def test_onnx_reads_images_as_it_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module(monkeypatch, "onnxruntime", InferenceSession=Session)
    path = tmp_path / "net.onnx"
    path.write_bytes(b"graph")
    digest = hashlib.sha256(b"graph").hexdigest()
    resized = clean(tensor_of(pictures()), 16)
    for scale, mean, deviation in (
        ("unit", [0.0] * 3, [1.0] * 3),
        ("signed", [0.5] * 3, [0.5] * 3),
        ("bytes", [0.0] * 3, [1 / 255] * 3),
        ("imagenet", *IMAGENET),
    ):
        expected = scaled(resized, mean, deviation).mean(dim=(2, 3))
        expect(f"onnx:{path}?scale={scale}", expected, starts=f"onnx:3:{digest[:12]}:{scale}:clean:16x16")
    with pytest.raises(ConfigError, match="`scale` of onnx must be one of unit, signed"):
        fitted_map(f"onnx:{path}?scale=odd", sample_set())
    monkeypatch.setattr(Session, "shape", ("batch", 3, "h", "w"))
    with pytest.raises(ConfigError, match=r"square images of one size.*\?side=224"):
        fitted_map(f"onnx:{path}", sample_set())
    assert fitted_map(f"onnx:{path}?side=16", sample_set())(sample_set()).shape == (2, 3)
    monkeypatch.setattr(Session, "shape", ("batch", 100))
    with pytest.raises(ShapeError, match=r"must take images \(b, 3, h, w\); got shape \['batch', 100\]"):
        fitted_map(f"onnx:{path}", sample_set())
    path.write_bytes(b"else")
    with pytest.raises(FileFormatError, match="must be what onnxruntime can load"):
        fitted_map(f"onnx:{path}", sample_set())


def test_onnx_itself(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    onnx = pytest.importorskip("onnx")
    weight = np.random.default_rng(0).normal(size=(5, 3, 4, 4)).astype(np.float32)
    entry = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["n", 3, 16, 16])
    end = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, ["n", 5, 1, 1])
    nodes = [
        onnx.helper.make_node("Conv", ["x", "w"], ["c"], strides=[4, 4]),
        onnx.helper.make_node("GlobalAveragePool", ["c"], ["y"]),
    ]
    graph = onnx.helper.make_graph(nodes, "net", [entry], [end], [onnx.numpy_helper.from_array(weight, "w")])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, tmp_path / "net.onnx")
    images = clean(tensor_of(pictures()), 16) / 255.0
    expected = torch.nn.functional.conv2d(images, torch.from_numpy(weight), stride=4).mean(dim=(2, 3))
    expect(f"onnx:{tmp_path / 'net.onnx'}", expected, starts="onnx:5:")


def test_readings_of_other_numbers_have_other_names() -> None:
    names = {
        str(Reading(height=8, width=8)),
        str(Reading(height=8, width=8, resize="tf-legacy")),
        str(Reading(height=8, width=9)),
        str(Reading(height=8, width=8, mean=(0.5, 0.5, 0.5))),
    }
    assert len(names) == 4
    assert Reading(height=8, width=9)(torch.zeros(1, 3, 5, 5)).shape == (1, 3, 8, 9)


def test_vectors_are_refused_by_every_network() -> None:
    vectors = SampleSet(values=np.zeros((3, 4)))
    for name in ("clip", "vgg16", "dinov2", "torchvision:x", "timm:x", "open_clip:x", "transformers:x", "onnx:x"):
        with pytest.raises(ShapeError, match="to be grey or colour images"):
            fitted_map(name, vectors)
