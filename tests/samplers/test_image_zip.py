"""Zip archives of images: what a folder gives, an archive of it gives, and nothing swells."""

from __future__ import annotations

import io
import json
import os
import struct
import zipfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from nasty_images import Nasty, corpus, encoded

from gandiag.core.classes import class_code
from gandiag.core.samples import SampleSet
from gandiag.errors import FileFormatError, GandiagError, ImageDecodeError, ResourceLimitError, TooFewSamplesError
from gandiag.samplers import image_zip
from gandiag.sources import open_sampler

RNG = np.random.default_rng(0)


def picture() -> bytes:
    return encoded(RNG.integers(0, 256, (4, 5, 3)).astype(np.uint8), "PNG")


def draw(source: object, n: int, seed: int = 0, **options: object) -> SampleSet:
    return open_sampler(source, **options).sample(n, rng=np.random.default_rng(seed))


def packed(path: Path, members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def unpacked(folder: Path, members: dict[str, bytes]) -> Path:
    for name, data in members.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


TREES = {
    "flat": (["b.png", "a10.PNG", "a9.png"], {}),
    "classes": (["cat/1.png", "cat/2.png", "dog/1.png"], {}),
    "nested": (["a/b/c.png", "a.b/1.png", "z.png", "a/0.png"], {"recursive": True}),
    "nested classes": (["a/b/c.png", "a.b/1.png", "a/0.png"], {"recursive": True, "classes": "subfolders"}),
}


@pytest.mark.parametrize("tree", TREES)
@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("wrapped", ["", "faces/"])
def test_an_archive_gives_what_its_folder_gives(tmp_path: Path, tree: str, method: int, wrapped: str) -> None:
    paths, options = TREES[tree]
    members = {path: picture() for path in paths}
    folder = unpacked(tmp_path / "f", members)
    archive = packed(tmp_path / "f.zip", {wrapped + path: data for path, data in reversed(members.items())}, method)
    theirs, ours = draw(folder, len(paths), **options), draw(archive, len(paths), **options)
    np.testing.assert_array_equal(ours.values, theirs.values)
    assert ours.notes == theirs.notes
    assert ours.extra == theirs.extra
    if theirs.labels is None:
        assert ours.labels is None
    else:
        np.testing.assert_array_equal(ours.labels, theirs.labels)
        assert class_code("cat") in ours.labels or tree != "classes"


def test_archives_are_opened_by_address_with_options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packed(tmp_path / "f.ZIP", {"a/b/c.png": picture(), "b.png": picture()})
    monkeypatch.chdir(tmp_path)
    sampler = open_sampler("f.ZIP?recursive=yes")
    assert (sampler.size, sampler.name) == (2, "f.ZIP?recursive=yes")
    assert open_sampler("f.ZIP").size == 1


def test_everything_skipped_is_counted(tmp_path: Path) -> None:
    members = {
        "a.png": picture(),
        "x.txt": b"",
        "__MACOSX/._a.png": b"",
        ".b.png": b"",
        "in.zip": b"PK",
        "d/c.png": b"",
    }
    path = packed(tmp_path / "f.zip", members)
    with zipfile.ZipFile(path, "a") as archive:
        link = zipfile.ZipInfo("link.png")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    note = draw(path, 1).notes[0]
    for reason in ("2 hidden", "1 .txt", "1 .zip", "1 link", "1 in subfolders"):
        assert reason in note


@pytest.mark.parametrize("name", ["../a.png", "/a.png", "C:/a.png", "x/../../a.png", "..\\a.png"])
def test_s05_names_that_lead_elsewhere_are_refused(tmp_path: Path, name: str) -> None:
    path = packed(tmp_path / "f.zip", {name: picture()})
    with pytest.raises(FileFormatError, match=r"members of f\.zip must have plain names"):
        open_sampler(path)
    assert list(tmp_path.iterdir()) == [path]


def test_s05_two_members_of_one_name_are_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "f.zip", "w") as archive:
        archive.writestr("a.png", picture())
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("a.png", picture())
    with pytest.raises(FileFormatError, match=r"two members of one name; got 'a\.png'"):
        open_sampler(tmp_path / "f.zip")
    packed(tmp_path / "g.zip", {"a/b.png": picture(), "a\\b.png": picture()})
    with pytest.raises(FileFormatError, match=r"two members of one name; got 'a/b\.png'"):
        open_sampler(tmp_path / "g.zip")


def test_s05_bombs_are_refused_before_they_swell(tmp_path: Path) -> None:
    path = packed(tmp_path / "f.zip", {"a.png": bytes(70 * 2**20)})
    assert path.stat().st_size < 2**20
    with pytest.raises(
        ResourceLimitError, match=r"must not swell beyond 200 times its size; got \d+ bytes that claim 73400320"
    ):
        open_sampler(path)


def altered(path: Path, old: bytes, new: bytes) -> Path:
    data = path.read_bytes()
    assert data.count(old) >= 1
    path.write_bytes(data.replace(old, new))
    return path


def test_s05_encrypted_overlapping_and_oddly_packed_members_are_refused(tmp_path: Path) -> None:
    path = packed(tmp_path / "f.zip", {"a.png": picture()})
    at = path.read_bytes().index(b"PK\x01\x02")
    data = bytearray(path.read_bytes())
    data[at + 8] |= 1
    path.write_bytes(bytes(data))
    with pytest.raises(FileFormatError, match="plain names and no encryption"):
        open_sampler(path)
    packed(path, {"a.png": picture()}, zipfile.ZIP_LZMA)
    with pytest.raises(FileFormatError, match=r"stored or deflated; got 'a\.png' at byte 0, method 14"):
        open_sampler(path)
    packed(path, {"a.png": picture(), "b.png": picture()})
    data = bytearray(path.read_bytes())
    second = data.index(b"PK\x01\x02", data.index(b"PK\x01\x02") + 4)
    data[second + 42 : second + 46] = struct.pack("<I", 0)
    path.write_bytes(bytes(data))
    with pytest.raises(FileFormatError, match="must lie one after another"):
        open_sampler(path)


def test_b26_damaged_members_are_said_by_name(tmp_path: Path) -> None:
    whole = picture()
    path = packed(tmp_path / "f.zip", {"a.png": whole, "b.png": picture()}, zipfile.ZIP_STORED)
    altered(path, whole[-30:], bytes(30))
    with pytest.raises(
        ImageDecodeError, match=r"a\.png must come out of its archive whole; got BadZipFile: Bad CRC-32"
    ):
        draw(path, 2)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(FileFormatError, match=r"f\.zip must be a whole zip archive; got BadZipFile"):
        open_sampler(path)


def test_b02_archives_without_images_are_refused(tmp_path: Path) -> None:
    path = packed(tmp_path / "f.zip", {"a.txt": b""})
    with pytest.raises(TooFewSamplesError, match=r"f\.zip must hold images .*; got none, skipped 1 \.txt"):
        open_sampler(path)
    with pytest.raises(TooFewSamplesError, match="got none"):
        open_sampler(packed(tmp_path / "g.zip", {}))


def test_s09_counts_and_sizes_are_capped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = packed(tmp_path / "f.zip", {"a.png": picture(), "b.png": picture()})
    monkeypatch.setattr(image_zip, "MOST_FILE_BYTES", 10)
    with pytest.raises(ResourceLimitError, match=r"\.png must have at most 0 MiB"):
        draw(path, 1)
    monkeypatch.setattr(image_zip, "MOST_MEMBERS", 1)
    with pytest.raises(ResourceLimitError, match=r"at most 1 members; got 2"):
        open_sampler(path)


@pytest.mark.parametrize(
    "nasty", [n for n in corpus() if n.name in ("cut.jpg", "rgb16.png", "alpha.png", "moving.gif")], ids=lambda n: n.id
)
def test_nasty_files_come_to_the_same_in_an_archive(nasty: Nasty, tmp_path: Path) -> None:
    path = packed(tmp_path / "f.zip", {nasty.name: nasty.data})
    if nasty.pixels is None:
        with pytest.raises(nasty.error, match=nasty.phrase.split(";")[0]):
            draw(path, 1, **nasty.options)
    else:
        np.testing.assert_array_equal(draw(path, 1, **nasty.options).values[0], nasty.pixels)


def test_p27_damaged_archives_give_gandiag_errors_only(tmp_path: Path) -> None:
    path = packed(tmp_path / "f.zip", {f"{at}.png": picture() for at in range(3)})
    whole = path.read_bytes()
    for seed in range(150):
        rng = np.random.default_rng(seed)
        damaged = bytearray(whole)
        for at in rng.integers(0, len(whole), 4):
            damaged[at] = rng.integers(0, 256)
        path.write_bytes(bytes(damaged))
        with suppress(GandiagError):  # said in our words; anything else fails the test
            assert len(draw(path, 1)) == 1


def test_large_archives_are_read_late(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from gandiag.samplers import _pictures

    path = packed(tmp_path / "f.zip", {f"{at}.png": picture() for at in range(6)})
    whole = draw(path, 6)
    monkeypatch.setattr(_pictures, "EAGER_BYTES", 10)
    late = draw(path, 6)
    np.testing.assert_array_equal(late.take(np.arange(2, 5)).matrix(), whole.matrix()[2:5])


def test_nothing_is_written_to_disk(tmp_path: Path) -> None:
    path = packed(tmp_path / "f.zip", {"a.png": picture()})
    before = sorted(os.walk(tmp_path))
    assert len(draw(path, 1)) == 1
    assert sorted(os.walk(tmp_path)) == before
    assert io.BytesIO(path.read_bytes()).read(2) == b"PK"


@pytest.mark.parametrize("form", ["folder", "zip", "wrapped zip"])
@pytest.mark.parametrize("indexed", ["all", "some", "none", "vectors"])
def test_where_stylegan_left_its_index_folders_are_no_classes(tmp_path: Path, form: str, indexed: str) -> None:
    paths = [f"{at // 2:05}/img{at:08}.png" for at in range(6)]
    pairs = {
        "all": [[path, at % 3] for at, path in enumerate(paths)],
        "some": [[paths[0], 1]],
        "none": None,
        "vectors": [[path, [0.0, 1.0]] for path in paths],
    }[indexed]
    members = {**{path: picture() for path in paths}, "dataset.json": json.dumps({"labels": pairs}).encode()}
    if form == "folder":
        source = unpacked(tmp_path / "f", members)
    else:
        before = "f/" if form == "wrapped zip" else ""
        source = packed(tmp_path / "f.zip", {before + path: data for path, data in members.items()})
    samples = draw(source, 6)
    order = np.random.default_rng(0).permutation(6)
    said = " | ".join(samples.notes)
    if indexed == "all":
        np.testing.assert_array_equal(samples.labels, order % 3)
        assert "3 classes from dataset.json" in said
    else:
        assert samples.labels is None
        assert ("the class of 1 of 6 images" if indexed == "some" else "dataset.json says no classes") in said
    assert len(set(draw(source, 6, classes="subfolders").labels)) == 3


@pytest.mark.parametrize("data", [b"", b"[]", b"[" * 100_000, b'{"labels": [1]}', b'{"labels": 3}', b"\xff"])
def test_an_index_that_is_none_is_said(tmp_path: Path, data: bytes) -> None:
    source = packed(tmp_path / "f.zip", {"a.png": picture(), "dataset.json": data})
    with pytest.raises(FileFormatError, match=r"dataset\.json of f\.zip must be an index with labels"):
        open_sampler(source)
