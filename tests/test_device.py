"""Where heavy work is done: chosen clearly, and the same numbers wherever it is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

import gandiag
from gandiag.calibration.inputs import suited
from gandiag.core.comparison import Comparison
from gandiag.core.specs import METRICS
from gandiag.device import device_of, network_device, placing_networks
from gandiag.measuring import measured
from gandiag.settings import Settings

ON_CUDA = SimpleNamespace(device=torch.device("cuda:1"))


def test_the_first_cuda_tensor_or_module_decides() -> None:
    module = SimpleNamespace(parameters=lambda: iter([ON_CUDA]))
    assert device_of([np.zeros(3), ON_CUDA]) == "cuda:1"
    assert device_of([torch.zeros(3), module]) == "cuda:1"
    assert device_of([(ON_CUDA, np.zeros(3))]) == "cuda:1"
    assert device_of([torch.zeros(3), "x.npy", torch.nn.Linear(2, 2), None]) is None
    assert device_of([ON_CUDA], "cpu") is None


@pytest.mark.parametrize("device", ["mps", "tpu", "cuda:x", "cuda:99", 3])
def test_a_device_that_cannot_be_used_is_refused(device: Any) -> None:
    rows = np.random.default_rng(0).normal(size=(20, 2))
    with pytest.raises(gandiag.ConfigError, match="`device` must be"):
        gandiag.score(rows, rows, metrics=["energy"], device=device)


def test_rows_are_brought_to_the_device_once_and_stay() -> None:
    rng = np.random.default_rng(0)
    pair = Comparison(
        real=rng.normal(size=(9, 2)), fake=rng.normal(size=(7, 2)), fit=rng.normal(size=(5, 2)), device="cpu"
    )
    assert isinstance(pair.near("real"), torch.Tensor)
    assert pair.near("real") is pair.near("real")
    pool, is_real = pair.pooled_near()
    np.testing.assert_array_equal(pool.numpy(), pair.pooled()[0])
    assert is_real.sum() == 9
    assert pair.at_most(4).device == "cpu"
    assert pair.near("train") is None


def test_without_a_device_rows_stay_numpy() -> None:
    pair = Comparison(real=np.eye(3), fake=np.eye(3), fit=np.eye(3))
    assert pair.near("real") is pair.real
    assert isinstance(pair.pooled_near()[0], np.ndarray)


@pytest.mark.parametrize("name", METRICS.names())
def test_every_metric_gives_the_same_numbers_on_a_device(name: str) -> None:
    spec = METRICS.get(name)
    rng = np.random.default_rng(3)
    real, fake, fit, train = (rng.normal(shift, 1.0, size=(60, 4)) for shift in (0.0, 0.3, 0.0, 0.0))
    given = Comparison(real=real, fake=fake, fit=fit, train=train)
    settings = Settings(permutations=99, options={name: dict(spec.example)})
    on_host, on_device = (
        measured(spec, suited(spec, replace(given, device=device)), settings=settings) for device in (None, "cpu")
    )
    assert on_device.status == on_host.status
    assert on_host.estimate is not None
    # Sums in another order: each of about 10^4 terms is rounded once.
    assert on_device.estimate == pytest.approx(on_host.estimate, rel=1e-9, abs=1e-11)
    assert (on_device.p_value is None) == (on_host.p_value is None)
    if on_host.p_value is not None:
        assert on_device.p_value.value == pytest.approx(on_host.p_value.value, rel=1e-9)


@pytest.fixture
def with_a_card(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let torch say that there is a card, of which nothing can be had."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)


@pytest.mark.usefixtures("with_a_card")
def test_networks_run_where_the_whole_run_does_and_on_a_card_otherwise() -> None:
    @placing_networks
    def where(*, device: str | None = None, fail: bool = False) -> str:
        if fail:
            raise KeyError(device)
        return network_device()

    assert where(device="cpu") == "cpu"
    assert where(device="cuda:0") == "cuda:0"
    assert where() == "cuda"
    with pytest.raises(KeyError, match="cpu"):
        where(device="cpu", fail=True)
    assert network_device() == "cuda"


@pytest.mark.usefixtures("with_a_card")
def test_a_device_that_the_caller_names_reaches_the_feature_map() -> None:
    images = np.random.default_rng(0).integers(0, 17, (60, 8, 8)).astype(np.uint8)
    call: dict[str, Any] = {"features": "digits-cnn", "metrics": ["frechet"], "cache": False}
    report = gandiag.score(images[:40], images[40:], device="cpu", **call)
    assert report.fakes[0].results[0].status in ("ok", "degraded")
    # The negative control: left alone, the map takes the card that is not there.
    with pytest.raises((AssertionError, RuntimeError, gandiag.GandiagError), match=r"(?i)cuda"):
        gandiag.score(images[:40], images[40:], **call)


@pytest.mark.usefixtures("with_a_card")
def test_a_reference_is_made_on_the_device_that_is_named(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 17, (60, 8, 8)).astype(np.uint8)
    found = gandiag.save_features(images, tmp_path / "ref.npz", features="digits-cnn", device="cpu", cache=False)
    assert found.d == 64
    with pytest.raises((AssertionError, RuntimeError, gandiag.GandiagError), match=r"(?i)cuda"):  # negative control
        gandiag.save_features(images, tmp_path / "ref.npz", features="digits-cnn", cache=False)


def test_a_device_that_is_not_there_is_told_whatever_the_features(tmp_path: Path) -> None:
    with pytest.raises(gandiag.ConfigError, match=r"`device` must be cpu, cuda or cuda:<number>.*got tpu"):
        gandiag.save_features(np.zeros((9, 2)), tmp_path / "ref.npz", device="tpu")
