"""The look at memory before a run: from the machine or the container, and a refusal that says both numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import gandiag
from gandiag import memory
from gandiag.errors import ResourceLimitError


def told(monkeypatch: pytest.MonkeyPatch, folder: Path, *, free_kib: str, limit: str, used: str) -> None:
    files = {"meminfo": f"MemTotal: 1 kB\nMemAvailable:  {free_kib} kB\n", "max": limit, "current": used}
    for name, text in files.items():
        (folder / name).write_text(text)
    monkeypatch.setattr(memory, "_MEMINFO", folder / "meminfo")
    monkeypatch.setattr(memory, "_CGROUPS", ((folder / "max", folder / "current"),))


def test_the_smaller_of_machine_and_container_counts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    told(monkeypatch, tmp_path, free_kib="4000", limit="3000000\n", used="1000000\n")
    assert memory.available_bytes() == 2_000_000
    told(monkeypatch, tmp_path, free_kib="1000", limit="max\n", used="5\n")
    assert memory.available_bytes() == 1_024_000


def test_a_system_that_does_not_tell_refuses_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(memory, "_MEMINFO", tmp_path / "absent")
    monkeypatch.setattr(memory, "_CGROUPS", ())
    assert memory.available_bytes() is None
    memory.require_memory(10**15, what="anything")


def test_a_run_that_cannot_fit_is_refused_before_the_sampler_is_asked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    told(monkeypatch, tmp_path, free_kib="900", limit="max", used="0")
    calls = []

    def sampler(n: int) -> np.ndarray:
        calls.append(n)
        return np.zeros((n, 8))

    real = np.random.default_rng(0).normal(size=(400, 8))
    verdict = gandiag.check(real, sampler, n=20_000, require=["energy.p >= alpha"])
    assert (verdict.outcome, verdict.exit_code, calls) == ("error", 5, [])
    assert "a need of some 4.98 MiB" in str(verdict)
    assert "must fit into the memory that is free, 0.879 MiB" in str(verdict)
    with pytest.raises(ResourceLimitError, match="Ask for fewer rows"):
        gandiag.score(real, sampler, n=20_000, metrics=["energy"])


def test_a_finite_sampler_needs_no_more_memory_than_for_the_rows_that_it_holds(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    told(monkeypatch, tmp_path, free_kib="900", limit="max", used="0")
    real = np.random.default_rng(0).normal(size=(400, 8))
    report = gandiag.score(real, real[:300] + 0.1, n=20_000, metrics=["frechet"], permutations=19)
    assert (report.real.n, report.fakes[0].n) == (300, 300)
    # Negative control: a fake that holds as many rows as were asked for is refused.
    with pytest.raises(ResourceLimitError, match="Ask for fewer rows"):
        gandiag.score(real, np.zeros((20_000, 8)), n=20_000, metrics=["frechet"])
