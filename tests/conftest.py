"""Hypothesis profiles: derandomised and without deadlines by default, long and random by hand."""

from __future__ import annotations

import gc
import importlib
import io
import os
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "ci", derandomize=True, deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("explore", deadline=None, max_examples=2000)
settings.load_profile("ci")


# No test reads or fills the cache of whoever runs it; tests of the cache name a folder of their own.
os.environ["GANDIAG_CACHE"] = "off"


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, Any, Any]:
    """Keep the garbage collector away from what is collected here, which stays to the end.

    Twelve thousand tests and all modules are a second's walk for it, a quarter of the time of collecting them.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


# Modules with a fixture that takes a minute, which all of their tests share.
DEAR = ("test_main_job.py", "test_three_cases.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the dearest modules first.

    Two processes are handed long pieces at first and single tests at the end, where each would make such a fixture for
    itself, and one would wait for the other's long test.
    """
    items.sort(key=lambda item: item.path.name not in DEAR)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Where only wall-clock budgets are asked for, read no module without one: to import them all takes far longer."""
    is_module = collection_path.suffix == ".py" and collection_path.name.startswith("test_")
    skips = config.option.markexpr == "speed" and is_module and "mark.speed" not in collection_path.read_text()
    return True if skips else None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: Any) -> Generator[None, Any, Any]:
    """With ``GANDIAG_REQUIRE_PEERS=1``, fail a comparison with a peer that would be skipped."""
    report = yield
    marks = {mark.name for mark in item.iter_markers()}
    if report.skipped and "differential" in marks and "cuda" not in marks and os.getenv("GANDIAG_REQUIRE_PEERS") == "1":
        report.outcome = "failed"
        report.longrepr = f"GANDIAG_REQUIRE_PEERS=1, and the peer is not there: {call.excinfo.value}"
    return report


@pytest.fixture(scope="session")
def torchvision_schemas() -> Iterator[None]:
    """Let torchvision, and with it torch-fidelity, be imported beside a torch that it was not built for.

    A torchvision built for CUDA does not load its operators beside a torch for the CPU, and then misses two schemas.
    No test of ours calls them.
    """
    torch = pytest.importorskip("torch")
    try:
        importlib.import_module("torchvision")
        yield
    except (ImportError, RuntimeError):
        library = torch.library.Library("torchvision", "DEF")
        for name in ("nms", "qnms"):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        yield


@pytest.fixture(scope="session")
def inception_weights(torchvision_schemas: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write random weights of the Inception network to a file; they stand in for the published ones."""
    torch = pytest.importorskip("torch")
    peer = pytest.importorskip("torch_fidelity.feature_extractor_inceptionv3")

    class Unloaded(peer.FeatureExtractorInceptionV3):  # type: ignore[misc, name-defined]
        def load_state_dict(self, *args: Any, **kwargs: Any) -> None:
            """Keep the random weights."""

    empty = io.BytesIO()
    torch.save({}, empty)
    empty.seek(0)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = Unloaded("random", ["2048"], feature_extractor_weights_path=empty)
    state = network.state_dict()
    # Wide enough that the features of different images differ after forty layers without normalisation.
    state = {name: 2.0 * value if name.endswith("conv.weight") else value for name, value in state.items()}
    path = tmp_path_factory.mktemp("inception") / "weights.pth"
    torch.save(state, path)
    return path


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """One headless Chromium for all tests of pages; they are skipped where there is none."""
    from browser import CHROMIUM, Browser

    if CHROMIUM is None:
        pytest.skip("no Chromium on the path (Debian: apt-get install chromium)")
    with Browser(tmp_path_factory.mktemp("profile")) as found:
        yield found
