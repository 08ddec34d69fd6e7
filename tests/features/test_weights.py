"""Files of weights: where they are found, that their digest is checked, and that nothing is fetched unasked."""

from __future__ import annotations

import hashlib
import io
import sys
import urllib.error
from email.message import Message
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gandiag.core.downloads import downloading, downloads_allowed
from gandiag.errors import ConfigError, FileFormatError, IntegrityError
from gandiag.features import _fetching, _weights
from gandiag.features._weights import Known, load, tensors

DATA = b"some weights"
DIGEST = hashlib.sha256(DATA).hexdigest()
KNOWN = Known(
    of="net", file="net-1.pth", url="https://example.org/net-1.pth", sha256=DIGEST, variable="GANDIAG_NET_WEIGHTS"
)


@pytest.fixture(autouse=True)
def _empty_places(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GANDIAG_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.delenv("GANDIAG_NET_WEIGHTS", raising=False)


class Opener:
    """Stands in for the network."""

    def __init__(self, data: bytes | None) -> None:
        self.data = data
        self.asked: list[str] = []

    def open(self, url: str, timeout: float) -> Any:
        self.asked.append(url)
        if self.data is None:
            raise urllib.error.URLError("no route")
        return io.BytesIO(self.data)


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Opener:
    opener = Opener(DATA)
    monkeypatch.setattr(_fetching, "opener", lambda: opener)
    return opener


def put(path: Path, data: bytes = DATA) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def test_a_named_path_comes_before_the_variable_and_that_before_the_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path / "torch/hub/checkpoints/net-1.pth")
    assert load(KNOWN)[2] == str(tmp_path / "torch/hub/checkpoints/net-1.pth")
    put(tmp_path / "weights/net-1.pth")
    assert load(KNOWN)[2] == str(tmp_path / "weights/net-1.pth")
    monkeypatch.setenv("GANDIAG_NET_WEIGHTS", str(put(tmp_path / "by_variable.pth")))
    assert load(KNOWN)[2] == str(tmp_path / "by_variable.pth")
    assert load(KNOWN, str(put(tmp_path / "named.pth"))) == (DATA, DIGEST, str(tmp_path / "named.pth"))


def test_b45_another_digest_is_refused_wherever_the_file_lies(tmp_path: Path) -> None:
    bad = put(tmp_path / "weights/net-1.pth", DATA + b"!")
    digest = hashlib.sha256(DATA + b"!").hexdigest()
    with pytest.raises(IntegrityError, match=rf"net must have SHA-256 {DIGEST}; got {digest} of {bad}\. Fetch https"):
        load(KNOWN)
    assert load(KNOWN, "", digest)[1] == digest
    with pytest.raises(IntegrityError, match="must have SHA-256 0000"):
        load(KNOWN, str(bad), "0" * 64)


def test_b45_nothing_is_fetched_unless_allowed(network: Opener, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nothing is downloaded.*put it at .*weights/net-1\.pth.*--allow-download"):
        load(KNOWN)
    assert network.asked == []
    assert not downloads_allowed()
    with downloading(True):
        assert load(KNOWN)[0] == DATA
    assert not downloads_allowed()
    assert network.asked == [KNOWN.url]
    assert (tmp_path / "weights/net-1.pth").read_bytes() == DATA
    assert load(KNOWN)[0] == DATA  # from the disk
    assert len(network.asked) == 1
    with downloading(True), pytest.raises(ConfigError, match="no path"):  # nothing to check it against
        load(Known(of="net", file="net-2.pth", url="https://example.org/net-2.pth"))


def test_s11_what_comes_with_another_digest_is_not_kept(network: Opener, tmp_path: Path) -> None:
    network.data = DATA[:-1]
    with (
        downloading(True),
        pytest.raises(IntegrityError, match=r"downloaded from https.*got .*11 bytes.*Nothing was kept"),
    ):
        load(KNOWN)
    assert not (tmp_path / "weights").exists()
    network.data = None
    with downloading(True), pytest.raises(ConfigError, match=r"reachable.*no route\. Fetch them elsewhere"):
        load(KNOWN)


def test_s11_other_schemes_too_large_files_and_redirections_away_are_refused(
    network: Opener, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for url in ("http://example.org/net", "file:///etc/passwd"):
        with pytest.raises(ConfigError, match="over https alone"):
            _fetching.fetch(url, DIGEST, tmp_path / "x")
    monkeypatch.setattr(_fetching, "LARGEST", 4)
    with pytest.raises(ConfigError, match="at most 4 bytes"):
        _fetching.fetch(KNOWN.url, DIGEST, tmp_path / "x")
    request = _fetching.Request(KNOWN.url)
    handler = _fetching._HttpsOnly()
    with pytest.raises(ConfigError, match="over https alone; got http://elsewhere"):
        handler.redirect_request(request, None, 302, "Found", Message(), "http://elsewhere.org/net")
    followed = handler.redirect_request(request, None, 302, "Found", Message(), "https://elsewhere.org/net")
    assert followed is not None
    assert followed.full_url == "https://elsewhere.org/net"


def test_tensors_come_from_either_format_and_from_nothing_else(tmp_path: Path) -> None:
    import torch
    from safetensors.torch import save

    state = {"a": torch.arange(3.0)}
    written = io.BytesIO()
    torch.save(state, written)
    for data, place in ((written.getvalue(), "x.pth"), (save(state), "x.safetensors")):
        np.testing.assert_array_equal(tensors(data, place, of="net")["a"], [0.0, 1.0, 2.0])
    torch.save([1, 2], written := io.BytesIO())
    with pytest.raises(FileFormatError, match="must hold the tensors of net by name; got list"):
        tensors(written.getvalue(), "x.pth", of="net")
    with pytest.raises(FileFormatError, match="must hold the tensors of net"):
        tensors(b"nothing", "x.safetensors", of="net")


def test_the_folder_is_under_the_cache_of_the_user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("GANDIAG_WEIGHTS")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert _weights.folder() == tmp_path / "gandiag" / "weights"


def test_a_home_that_there_is_not_is_no_folder_for_weights(
    network: Opener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GANDIAG_WEIGHTS", "~nobody-of-that-name/weights")
    monkeypatch.setenv("TORCH_HOME", "~nobody-of-that-name/torch")
    with pytest.raises(ConfigError, match=r"nothing is downloaded.*put it at ~nobody"):
        load(KNOWN)
    with downloading(True), pytest.raises(ConfigError, match=r"must be kept in a folder.*Name a folder with GANDIAG_W"):
        load(KNOWN)
    with pytest.raises(ConfigError, match=r"~nobody-of-that-name/net\.pth"):
        load(KNOWN, "~nobody-of-that-name/net.pth")
    assert network.asked == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["score", "check"])
def test_the_command_line_allows_it_for_one_command(
    command: str, network: Opener, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from gandiag.cli import main
    from gandiag.features.inception import WEIGHTS

    values = np.random.default_rng(0).integers(0, 256, (60, 8, 8)).astype(np.uint8)
    np.save(tmp_path / "a.npy", values)
    files = [str(tmp_path / "a.npy")] * 2

    def told(*more: str) -> str:
        monkeypatch.setattr(sys, "argv", ["gandiag", command, *files, "--features", "inception", "--n", "20", *more])
        with pytest.raises(SystemExit, match=r"[23]"):
            main()
        return " ".join("".join(capsys.readouterr()).split())

    assert "nothing is downloaded" in told()
    assert network.asked == []
    assert f"downloaded from {WEIGHTS.url} must have SHA-256" in told("--allow-download")
    assert network.asked == [WEIGHTS.url]
    assert not downloads_allowed()
