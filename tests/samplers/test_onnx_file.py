"""ONNX generators: a stand-in for the runtime always, the runtime itself where it is installed."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from gandiag.core.samples import SampleSet
from gandiag.errors import ConfigError, FileFormatError, MissingExtra, SamplerContractError
from gandiag.sources import open_sampler

W = np.random.default_rng(0).normal(size=(8, 75)).astype(np.float32)


def draw(source: object, n: int = 20, seed: int = 0, **options: object) -> SampleSet:
    return open_sampler(source, **options).sample(n, rng=np.random.default_rng(seed))


class Runtime(ModuleType):
    """Stands in for onnxruntime: one product and a tanh, with the batch that the test asks for."""

    def __init__(self) -> None:
        super().__init__("onnxruntime")
        self.shape: list[Any] = ["batch", 8]
        self.type, self.extra, self.outputs, self.calls = "tensor(float)", [], ["image"], []
        self.SessionOptions = SimpleNamespace

    def InferenceSession(self, path: str, options: Any, providers: list[str]) -> Any:
        if Path(path).read_bytes() != b"graph":
            raise RuntimeError("Protobuf parsing failed.\n")
        given = [SimpleNamespace(name="z", type=self.type, shape=self.shape), *self.extra]
        return SimpleNamespace(
            get_inputs=lambda: given,
            get_outputs=lambda: [SimpleNamespace(name=name) for name in self.outputs],
            run=self.run,
        )

    def run(self, names: list[str], feeds: dict[str, Any]) -> list[Any]:
        z = feeds["z"]
        self.calls.append(z.shape[0])
        if isinstance(self.shape[0], int):
            assert len(z) == self.shape[0]
        images = np.tanh(z.astype(np.float32) @ W).reshape(-1, 3, 5, 5)
        return [images * (2 if names == ["twice"] else 1)]


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> Runtime:
    found = Runtime()
    monkeypatch.setitem(sys.modules, "onnxruntime", found)
    return found


@pytest.fixture
def net(tmp_path: Path) -> Path:
    (tmp_path / "net.onnx").write_bytes(b"graph")
    return tmp_path / "net.onnx"


def expected(n: int, seed: int = 0) -> np.ndarray:
    from gandiag.samplers.function import open_function

    sampler = open_function(
        lambda z: np.tanh(z.numpy() @ W).reshape(-1, 3, 5, 5), latent="normal:8", layout="channels_first", lag=1
    )
    return np.asarray(sampler.sample(n, rng=np.random.default_rng(seed)).values)


def test_a_graph_maps_latents_at_any_batch_size(runtime: Runtime, net: Path) -> None:
    samples = draw(f"{net}?latent=normal:8", layout="channels_first")
    assert (samples.kind, samples.shape, samples.value_range, samples.lag) == ("image", (5, 5, 3), (-1.0, 1.0), 1)
    np.testing.assert_allclose(samples.values, expected(20), atol=1e-6)
    np.testing.assert_allclose(draw(net, latent="normal:8", batch_size=3).values, samples.values, atol=1e-6)
    assert runtime.calls == [20, 3, 3, 3, 3, 3, 3, 2]
    assert samples.source == "net.onnx?latent=normal:8"


def test_a_fixed_batch_is_filled_and_cut(runtime: Runtime, net: Path) -> None:
    runtime.shape = [6, 8]
    samples = draw(net, latent="normal:8")
    np.testing.assert_allclose(samples.values, expected(20), atol=1e-6)
    assert runtime.calls == [6] * 4
    assert any("the graph runs 6 rows at a time" in note for note in samples.notes)
    np.testing.assert_allclose(draw(net, latent="normal:8", batch_size=5).values, samples.values, atol=1e-6)


def test_latents_must_fit_the_graph(runtime: Runtime, net: Path) -> None:
    with pytest.raises(ConfigError, match=r'net\.onnx needs to know its latent law.*Pass latent="normal:8"'):
        open_sampler(net)
    for wrong in ("normal:9", "normal:8x1x1"):
        with pytest.raises(ConfigError, match=r"the size that its graph takes, 8; got .*normal:8"):
            open_sampler(net, latent=wrong)
    runtime.shape = ["n", "d", 1, 1]
    with pytest.raises(ConfigError, match=r"\?x1x1; got 8\."):
        open_sampler(net, latent="normal:8")


def test_other_graphs_are_refused_with_their_inputs_and_outputs(runtime: Runtime, net: Path) -> None:
    runtime.extra = [SimpleNamespace(name="label", type="tensor(int64)", shape=["n"])]
    with pytest.raises(ConfigError, match=r"must take one input.*got z tensor\(float\), label tensor\(int64\)"):
        open_sampler(net, latent="normal:8")
    runtime.extra, runtime.type = [], "tensor(int64)"
    with pytest.raises(ConfigError, match="must take one input"):
        open_sampler(net, latent="normal:8")
    runtime.type, runtime.outputs = "tensor(double)", ["image", "twice"]
    with pytest.raises(ConfigError, match="several outputs, so key= must name one; got image, twice"):
        open_sampler(net, latent="normal:8")
    with pytest.raises(ConfigError, match="has no such output; got twise"):
        open_sampler(net, latent="normal:8", key="twise")
    once, twice = (draw(net, latent="normal:8", key=key).values for key in ("image", "twice"))
    np.testing.assert_array_equal(twice, 2 * once)


def test_a_graph_that_loses_rows_breaks_its_contract(runtime: Runtime, net: Path) -> None:
    runtime.run = lambda names, feeds: [feeds["z"][:-1]]  # type: ignore[method-assign]
    with pytest.raises(SamplerContractError, match="exactly as many rows"):
        draw(net, latent="normal:8")


def test_what_is_no_graph_is_said(runtime: Runtime, tmp_path: Path) -> None:
    (tmp_path / "x.onnx").write_bytes(b"nonsense")
    with pytest.raises(
        FileFormatError, match=r"must be an ONNX graph that onnxruntime can run; got RuntimeError: Proto"
    ):
        open_sampler(tmp_path / "x.onnx", latent="normal:8")
    with pytest.raises(FileFormatError, match=r"there must be a file .*y\.onnx\. Did you mean 'x\.onnx'"):
        open_sampler(str(tmp_path / "y.onnx"), latent="normal:8")


def test_without_the_runtime_the_install_line_is_said(net: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingExtra, match=r"onnxruntime must be installed .*Run: pip install onnxruntime"):
        open_sampler(net, latent="normal:8")


def saved(path: Path, batch: int | str = "n", *, op: str = "Tanh", domain: str = "", outside: str = "") -> Path:
    onnx = pytest.importorskip("onnx")
    helper, kinds = onnx.helper, onnx.TensorProto
    weights = helper.make_tensor("W", kinds.FLOAT, W.shape, W.tobytes(), raw=True)
    if outside:
        weights.ClearField("raw_data")
        weights.data_location = kinds.EXTERNAL
        for key, value in (("location", outside), ("offset", "0"), ("length", str(W.nbytes))):
            entry = weights.external_data.add()
            entry.key, entry.value = key, value
    shape = helper.make_tensor("S", kinds.INT64, [4], np.array([-1, 3, 5, 5]))
    nodes = [
        helper.make_node("MatMul", ["z", "W"], ["a"]),
        helper.make_node(op, ["a"], ["b"], domain=domain),
        helper.make_node("Reshape", ["b", "S"], ["image"]),
    ]
    given = [helper.make_tensor_value_info("z", kinds.FLOAT, [batch, 8])]
    made = [helper.make_tensor_value_info("image", kinds.FLOAT, [batch, 3, 5, 5])]
    graph = helper.make_graph(nodes, "net", given, made, [weights, shape])
    opsets = [helper.make_opsetid("", 17)] + ([helper.make_opsetid(domain, 1)] if domain else [])
    path.write_bytes(helper.make_model(graph, opset_imports=opsets, ir_version=9).SerializeToString())
    return path


def test_the_runtime_itself(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    for batch in ("n", 6):
        samples = draw(saved(tmp_path / "net.onnx", batch), latent="normal:8")
        np.testing.assert_allclose(samples.values, expected(20), atol=1e-5)
    (tmp_path / "junk.onnx").write_bytes(b"junk")
    with pytest.raises(FileFormatError, match="must be an ONNX graph that onnxruntime can run"):
        open_sampler(tmp_path / "junk.onnx", latent="normal:8")


def test_the_runtime_runs_no_foreign_operators_and_reads_no_foreign_files(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    with pytest.raises(FileFormatError, match="must be an ONNX graph that onnxruntime can run"):
        open_sampler(saved(tmp_path / "op.onnx", op="Mine", domain="my.ops"), latent="normal:8")
    (tmp_path / "w.bin").write_bytes(W.tobytes())
    inner = tmp_path / "inner"
    inner.mkdir()
    for path in ("../w.bin", str(tmp_path / "w.bin")):
        with pytest.raises(FileFormatError, match="must be an ONNX graph that onnxruntime can run"):
            open_sampler(saved(inner / "net.onnx", outside=path), latent="normal:8")
    beside = draw(saved(tmp_path / "net.onnx", outside="w.bin"), latent="normal:8")
    np.testing.assert_allclose(beside.values, expected(20), atol=1e-5)
