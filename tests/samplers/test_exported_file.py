"""Programs of torch.export: run only where they are trusted, because they can run code."""

from __future__ import annotations

import io
import os
import pickle
import zipfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch

from gandiag.core.samples import SampleSet
from gandiag.errors import ConfigError, FileFormatError
from gandiag.sources import open_sampler


class Net(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(8, 75)

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return torch.tanh(self.linear(z)).reshape(-1, 3, 5, 5)


@pytest.fixture(scope="module")
def net() -> Net:
    torch.manual_seed(0)
    return Net().eval()


@pytest.fixture(scope="module")
def files(net: Net, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("exported")
    batch = torch.export.Dim("batch", min=2, max=4096)
    for name, dynamic in (("any", {"z": {0: batch}}), ("fixed", None)):
        program = torch.export.export(net, (torch.zeros(6, 8),), dynamic_shapes=dynamic)
        torch.export.save(program, folder / f"{name}.pt2")
    return {name: folder / f"{name}.pt2" for name in ("any", "fixed")}


def draw(source: object, n: int = 20, **options: object) -> SampleSet:
    return open_sampler(source, **options).sample(n, rng=np.random.default_rng(0))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["any", "fixed"])
def test_a_trusted_program_gives_what_its_module_gives(files: dict[str, Path], net: Net, name: str) -> None:
    theirs = draw(net, latent="normal:8")
    ours = draw(f"{files[name]}?trust=yes&latent=normal:8")
    assert (ours.kind, ours.shape, ours.lag) == ("image", (5, 5, 3), 1)
    np.testing.assert_allclose(ours.values, theirs.values, atol=1e-6)
    assert "code of the file was trusted" in ours.notes
    assert (name == "fixed") == any("the graph runs 6 rows at a time" in note for note in ours.notes)
    with pytest.raises(ConfigError, match="the size that its graph takes, 8; got 9"):
        open_sampler(files[name], trust=True, latent="normal:9")
    with pytest.raises(ConfigError, match=r'needs to know its latent law.*latent="normal:8"'):
        open_sampler(files[name], trust=True)


class Payload:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (os.mkdir, (self.path,))

    def __init__(self, path: str) -> None:
        self.path = path


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_s03_a_program_that_is_not_trusted_is_not_touched(files: dict[str, Path], tmp_path: Path) -> None:
    """Torch itself runs what a file hides in its sample inputs: shown here, so that the rule is seen to matter."""
    marker, evil = tmp_path / "marker", tmp_path / "evil.pt2"
    buffer = io.BytesIO()
    torch.save(Payload(str(marker)), buffer, pickle_module=pickle)
    with zipfile.ZipFile(files["any"]) as old, zipfile.ZipFile(evil, "w", zipfile.ZIP_STORED) as new:
        for info in old.infolist():
            inputs = "sample_inputs" in info.filename
            new.writestr(info.filename, buffer.getvalue() if inputs else old.read(info))
    for path in (evil, str(evil)):
        with pytest.raises(FileFormatError, match=r"\.pt2 files can run code.*pass trust=True .*net\.pt2\?trust=yes"):
            open_sampler(path, latent="normal:8")
    assert not marker.exists()
    with suppress(FileFormatError):
        open_sampler(evil, latent="normal:8", trust=True)
    assert marker.exists()


@pytest.mark.slow  # torch takes seconds to import its loader
@pytest.mark.filterwarnings("ignore")
def test_what_is_no_program_is_said(tmp_path: Path) -> None:
    (tmp_path / "x.pt2").write_bytes(b"junk")
    with pytest.raises(FileFormatError, match=r"x\.pt2 must be a whole program of torch\.export"):
        open_sampler(tmp_path / "x.pt2", latent="normal:8", trust=True)


def test_trust_has_a_meaning_for_programs_only(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.zeros((3, 2)))
    with pytest.raises(ConfigError, match="`trust` has no meaning for"):
        open_sampler(tmp_path / "x.npy", trust=True)


def test_s03_trust_is_asked_for_before_a_byte_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.export, "load", lambda path: pytest.fail("it was read"))
    (tmp_path / "x.pt2").write_bytes(b"anything")
    for address in ("x.pt2", "x.pt2?trust=no"):
        with pytest.raises(FileFormatError, match=r"\.pt2 files can run code"):
            open_sampler(str(tmp_path / address), latent="normal:8")
