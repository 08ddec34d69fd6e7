"""Hypothesis profiles: derandomised and without deadlines by default, long and random by hand."""

from __future__ import annotations

import importlib
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "ci", derandomize=True, deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("explore", deadline=None, max_examples=2000)
settings.load_profile("ci")


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
