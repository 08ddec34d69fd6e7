"""Folders of images: what is found, how it is decoded, and what is refused."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import zlib
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gandiag.core.classes import class_code
from gandiag.core.samples import SampleSet
from gandiag.errors import (
    ConfigError,
    FileFormatError,
    GandiagError,
    ImageDecodeError,
    MissingExtra,
    RangeError,
    ResourceLimitError,
    SamplerExhausted,
    SamplerTimeout,
    ShapeError,
    TooFewSamplesError,
)
from gandiag.samplers import _images
from gandiag.sources import open_sampler

RNG = np.random.default_rng(0)


def grey(side: int = 6) -> np.ndarray:
    return RNG.integers(0, 256, (side, side)).astype(np.uint8)


def rgb(side: int = 6) -> np.ndarray:
    return RNG.integers(0, 256, (side, side, 3)).astype(np.uint8)


def save(path: Path, values: np.ndarray, mode: str | None = None, **options: object) -> np.ndarray:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).convert(mode).save(path, **options) if mode else Image.fromarray(values).save(
        path, **options
    )
    return values


def draw(folder: Path, n: int, seed: int = 0, **options: object) -> SampleSet:
    return open_sampler(str(folder), **options).sample(n, rng=np.random.default_rng(seed))


def in_order(folder: Path, n: int, **options: object) -> np.ndarray:
    """Draw all images and undo the random order."""
    rows = draw(folder, n, **options).values
    out = np.empty_like(rows)
    out[np.random.default_rng(0).permutation(n)] = rows
    return out


def test_b28_files_are_taken_in_any_case_in_byte_order(tmp_path: Path) -> None:
    names = ["b.PNG", "a10.png", "a9.Bmp", "É.png", "Z.png"]
    pictures = {name: save(tmp_path / name, grey()) for name in names}
    expected = np.stack([pictures[name] for name in sorted(names, key=os.fsencode)])
    np.testing.assert_array_equal(in_order(tmp_path, 5), expected)
    samples = draw(tmp_path, 5)
    assert (samples.kind, samples.shape, samples.value_range, samples.lag) == ("image", (6, 6), (0.0, 255.0), 1)
    assert samples.values.dtype == np.uint8
    assert "formats: 1 BMP, 4 PNG" in samples.notes


@pytest.mark.parametrize("batch_size", [None, 1, 3])
def test_folders_repeat_from_one_seed_at_any_batch_size(tmp_path: Path, batch_size: int | None) -> None:
    for at in range(8):
        save(tmp_path / f"{at}.png", rgb())
    np.testing.assert_array_equal(draw(tmp_path, 5, batch_size=batch_size).values, draw(tmp_path, 5).values)
    assert not np.array_equal(draw(tmp_path, 5, seed=1).values, draw(tmp_path, 5).values)
    with pytest.raises(SamplerExhausted, match="8 of 9"):
        draw(tmp_path, 9)


def test_b28_everything_skipped_is_counted(tmp_path: Path) -> None:
    save(tmp_path / "a.png", grey())
    save(tmp_path / "b.png", grey())
    save(tmp_path / ".hidden.png", grey())
    (tmp_path / "readme.txt").write_text("x")
    (tmp_path / "none").write_text("x")
    (tmp_path / "link.png").symlink_to(tmp_path / "a.png")
    save(tmp_path / "sub" / "c.png", grey())
    os.mkfifo(tmp_path / "pipe.png")
    note = draw(tmp_path, 1).notes[0]
    assert note.startswith("2 images found, skipped ")
    assert note.endswith("; 1 used")
    for reason in ("1 hidden", "1 .txt", "1 no ending", "1 link", "1 in subfolders", "1 pipe or device"):
        assert reason in note


def test_class_subfolders_become_labels(tmp_path: Path) -> None:
    values = {}
    for name in ["B", "a", "c"]:
        label = class_code(name)
        for at in range(3):
            values[label, at] = save(tmp_path / name / f"{at}.png", grey())
    save(tmp_path / "c" / "deeper" / "x.png", grey())
    samples = draw(tmp_path, 9)
    for row, label in zip(samples.values, samples.labels, strict=True):
        assert any(np.array_equal(row, values[label, at]) for at in range(3))
    assert "1 subfolder" in samples.notes[0]


def test_s08_loops_of_links_are_not_followed(tmp_path: Path) -> None:
    save(tmp_path / "a" / "x.png", grey())
    (tmp_path / "b").symlink_to(tmp_path)
    assert open_sampler(str(tmp_path)).size == 1


@pytest.mark.parametrize("names", [[], ["a.txt", ".b.png"]])
def test_b02_folders_without_images_are_refused(tmp_path: Path, names: list[str]) -> None:
    for name in names:
        (tmp_path / name).write_text("x")
    with pytest.raises(TooFewSamplesError, match=r"must hold images \(\.bmp, .*\); got none(, skipped 1|\.)"):
        open_sampler(str(tmp_path))


def test_a_folder_of_links_alone_says_that_links_are_not_followed(tmp_path: Path) -> None:
    save(tmp_path / "data" / "a.png", grey())
    links = tmp_path / "links"
    links.mkdir()
    (links / "a.png").symlink_to(tmp_path / "data" / "a.png")
    with pytest.raises(TooFewSamplesError, match=r"got none, skipped 1 link\. .*and links are never followed\."):
        open_sampler(str(links))
    (links / "a.png").unlink()  # negative control: without links nothing is said of them
    with pytest.raises(TooFewSamplesError, match=r"got none\. .*with recursive=True\.$"):
        open_sampler(str(links))


def test_a_single_image_is_refused(tmp_path: Path) -> None:
    save(tmp_path / "a.png", grey())
    with pytest.raises(FileFormatError, match=r"must come as a folder; got a\.png"):
        open_sampler(str(tmp_path / "a.png"))


def test_b24_mixed_sizes_are_counted_per_size(tmp_path: Path) -> None:
    for at, side in enumerate([6, 6, 7, 8]):
        save(tmp_path / f"{at}.png", grey(side))
    with pytest.raises(ShapeError, match=r"one size; got 2 of 6×6, 1 of .×., 1 of .×..*gandiag does not resize"):
        draw(tmp_path, 4)


def test_b24_grey_among_rgb_is_repeated_with_a_note(tmp_path: Path) -> None:
    first, second = save(tmp_path / "a.png", grey()), save(tmp_path / "b.png", rgb())
    rows = in_order(tmp_path, 2)
    np.testing.assert_array_equal(rows[0], np.stack([first] * 3, axis=-1))
    np.testing.assert_array_equal(rows[1], second)
    assert "1 grey images were repeated to RGB, as the others are" in draw(tmp_path, 2).notes


def test_b25_sixteen_bit_grey_keeps_its_values_and_range(tmp_path: Path) -> None:
    values = RNG.integers(0, 65536, (6, 6)).astype(np.uint16)
    save(tmp_path / "a.png", values)
    samples = draw(tmp_path, 1)
    assert samples.value_range == (0.0, 65535.0)
    np.testing.assert_array_equal(samples.values[0], values)
    # The way that is avoided: Pillow's own conversion leaves almost nothing of it.
    with Image.open(tmp_path / "a.png") as image:
        naive = np.asarray(image.convert("RGB"))[..., 0]
    assert not np.allclose(naive / 255.0, values / 65535.0, atol=0.02)
    save(tmp_path / "b.png", grey())
    with pytest.raises(ShapeError, match="one depth; got 1 of"):
        draw(tmp_path, 2)


def test_b25_palettes_and_cmyk_are_converted_with_a_note(tmp_path: Path) -> None:
    save(tmp_path / "a.png", rgb(), "P")
    save(tmp_path / "b.jpg", rgb(), "CMYK")
    save(tmp_path / "c.png", grey(), "1")
    samples = draw(tmp_path, 3)
    assert samples.shape == (6, 6, 3)
    for note in (
        "1 images converted from P to RGB",
        "1 images converted from CMYK to RGB",
        "1 images widened from 1 bit",
    ):
        assert note in samples.notes


def test_b24_transparency_is_refused_or_laid_over_white(tmp_path: Path) -> None:
    values = np.dstack([rgb(), np.zeros((6, 6), np.uint8)])
    save(tmp_path / "a.png", values)
    with pytest.raises(ImageDecodeError, match=r'a\.png must not be transparent.*alpha="white"'):
        draw(tmp_path, 1)
    samples = draw(tmp_path, 1, alpha="composite")
    np.testing.assert_array_equal(samples.values, np.full((1, 6, 6, 3), 255))
    assert "1 images laid over white" in samples.notes


def test_b25_more_than_one_frame_is_refused(tmp_path: Path) -> None:
    frames = [Image.fromarray(grey()) for _ in range(3)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    with pytest.raises(ImageDecodeError, match=r"a\.gif must hold one picture; got 3 frames"):
        draw(tmp_path, 1)


def test_b26_truncated_and_foreign_files_are_refused_by_name(tmp_path: Path) -> None:
    save(tmp_path / "cut.png", rgb(64))
    whole = (tmp_path / "cut.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ImageDecodeError, match=r"cut\.png must be a whole image; got OSError: .*truncated"):
        draw(tmp_path, 1)
    (tmp_path / "cut.png").write_bytes(b"not an image")
    with pytest.raises(ImageDecodeError, match=r"cut\.png must be a whole image; got .*not an image of a known format"):
        draw(tmp_path, 1)
    (tmp_path / "cut.png").write_bytes(b"")
    with pytest.raises(ImageDecodeError, match="must be a whole image"):
        draw(tmp_path, 1)


def bomb(width: int, height: int) -> bytes:
    """Write a PNG header that claims a size, with next to no data."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("side", [9_000, 12_000, 60_000])
def test_s07_bombs_are_refused_before_decoding(tmp_path: Path, side: int) -> None:
    (tmp_path / "a.png").write_bytes(bomb(side, side))
    with pytest.raises(ResourceLimitError, match=r"a\.png must have at most 67108864 pixels"):
        draw(tmp_path, 1)


def test_s07_the_wrong_content_for_an_ending_is_judged_by_its_format(tmp_path: Path) -> None:
    save(tmp_path / "a.bmp", rgb())
    (tmp_path / "a.bmp").rename(tmp_path / "a.png")
    assert "formats: 1 BMP" in draw(tmp_path, 1).notes
    Image.fromarray(rgb()).save(tmp_path / "b.ico")
    (tmp_path / "b.ico").rename(tmp_path / "a.png")
    with pytest.raises(ImageDecodeError, match="not an image of a known format"):
        draw(tmp_path, 1)


def test_a_declared_range_is_held_against_the_pixels(tmp_path: Path) -> None:
    save(tmp_path / "a.png", np.full((6, 6), 9, np.uint8))
    with pytest.raises(RangeError, match=r"declared range \[0, 1\]"):
        draw(tmp_path, 1, value_range=(0, 1))


def test_b32_a_slow_disk_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    from gandiag.samplers import _lazy

    for at in range(5):
        save(tmp_path / f"{at}.png", grey())
    real = _lazy.decode
    monkeypatch.setattr(_lazy, "decode", lambda *a, **k: (time.sleep(0.03), real(*a, **k))[1])
    with pytest.raises(SamplerTimeout, match=r"samples within 0\.01 s; got 1 samples"):
        draw(tmp_path, 5, timeout=0.01)


def test_b48_without_pillow_the_install_line_is_said(tmp_path: Path) -> None:
    save(tmp_path / "a.png", grey())
    code = (
        "import sys; sys.modules['PIL'] = None\n"
        "from gandiag.sources import open_sampler\n"
        f"open_sampler({str(tmp_path)!r})"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "MissingExtra: reading images needs Pillow; got ModuleNotFoundError" in out.stderr
    assert 'Run: pip install "gandiag[images]"' in out.stderr


def test_b48_a_broken_pillow_is_reported_like_an_absent_one(monkeypatch: pytest.MonkeyPatch) -> None:
    import builtins

    real = builtins.__import__

    def broken(name: str, *rest: object, **more: object) -> object:
        if name == "PIL":
            raise OSError("libjpeg.so: undefined symbol")
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", broken)
    with pytest.raises(MissingExtra, match=r"got OSError: libjpeg\.so: undefined symbol\. Run: pip install"):
        _images.pillow()


def test_b47_odd_file_names_are_read_and_shown_escaped(tmp_path: Path) -> None:
    odd = os.fsdecode(b"bad\xff\n\x1b[31m.png")
    (tmp_path / odd).write_bytes(b"x")
    with pytest.raises(ImageDecodeError, match="bad") as caught:
        draw(tmp_path, 1)
    assert str(caught.value).isprintable()
    save(tmp_path / odd, grey())
    assert len(draw(tmp_path, 1)) == 1


def test_p27_damaged_images_give_gandiag_errors_only(tmp_path: Path) -> None:
    for ending in ("png", "jpg", "bmp", "gif", "webp", "tif"):
        save(tmp_path / ending / f"a.{ending}", rgb(16))
        path = tmp_path / ending / f"a.{ending}"
        whole = path.read_bytes()
        for seed in range(40):
            rng = np.random.default_rng(seed)
            damaged = bytearray(whole)
            for at in rng.integers(0, len(whole), 3):
                damaged[at] = rng.integers(0, 256)
            path.write_bytes(bytes(damaged[: rng.integers(1, len(whole) + 1)]))
            with suppress(GandiagError):  # said in our words; anything else fails the test
                assert len(draw(tmp_path / ending, 1)) == 1


def test_b27_different_file_formats_of_both_sides_are_said_in_the_report(tmp_path: Path) -> None:
    import gandiag

    rng = np.random.default_rng(0)
    for folder, ending in (("real", "png"), ("fake", "jpg"), ("same", "png")):
        for i in range(30):
            pixels = rng.integers(0, 256, size=(6, 6), dtype=np.uint8)
            save(tmp_path / folder / f"{i}.{ending}", pixels)
    sources = {name: tmp_path / name for name in ("fake", "same")}
    report = gandiag.score(tmp_path / "real", sources, metrics=["energy"], permutations=99)
    said = [any("real images are PNG, these are JPEG" in note for note in fake.notes) for fake in report.fakes]
    assert said == [True, False]


def nested(root: Path) -> dict[str, np.ndarray]:
    paths = ["b/deep/1.png", "a/2.png", "3.png", "a/b/c/d/4.png", "a.b/5.png"]
    return {path: save(root / path, grey()) for path in paths}


def test_b28_recursion_is_asked_for_and_ordered_by_the_bytes_of_paths(tmp_path: Path) -> None:
    pictures = nested(tmp_path)
    assert open_sampler(tmp_path).size == 1
    samples = draw(tmp_path, 5, recursive=True)
    assert samples.labels is None
    expected = np.stack([pictures[path] for path in sorted(pictures, key=os.fsencode)])
    np.testing.assert_array_equal(in_order(tmp_path, 5, recursive=True), expected)
    np.testing.assert_array_equal(draw(Path(f"{tmp_path}"), 5, recursive=True).values, samples.values)
    same = open_sampler(f"{tmp_path}?recursive=yes").sample(5, rng=np.random.default_rng(0))
    np.testing.assert_array_equal(same.values, samples.values)


def test_classes_of_nested_folders_are_declared(tmp_path: Path) -> None:
    pictures = nested(tmp_path)
    samples = draw(tmp_path, 4, recursive=True, classes="subfolders")
    expected = {class_code(path.split("/")[0]) for path in pictures if "/" in path}
    assert set(samples.labels) == expected
    assert any("1 in other folders" in note for note in samples.notes)
    assert "the 3 subfolders were read as classes" in samples.notes
    (tmp_path / "3.png").unlink()
    assert draw(tmp_path, 2).labels is not None
    assert draw(tmp_path, 2, classes="none").labels is None
    with pytest.raises(ConfigError, match="`classes` must be one of none, subfolders; got folders"):
        draw(tmp_path, 1, classes="folders")


def test_b26_unreadable_images_are_left_out_only_where_asked_and_few(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gandiag.samplers import _pictures

    assert _pictures.MOST_BAD == 0.001
    monkeypatch.setattr(_pictures, "MOST_BAD", 0.1)
    for at in range(10):
        (tmp_path / f"{at}.pgm").write_bytes(b"P5 1 1 255\n" + bytes([at]))
    (tmp_path / "10.pgm").write_bytes(b"P5 1 1 255\n")
    with pytest.raises(ImageDecodeError, match=r"10\.pgm must be a whole image"):
        draw(tmp_path, 11)
    samples = draw(tmp_path, 10, on_bad="skip")
    assert sorted(samples.values.ravel()) == list(range(10))
    assert samples.extra["left_out"] == "1 of 11"
    assert "left_out" not in draw_png(tmp_path / "whole").extra
    note = next(note for note in samples.notes if "left out" in note)
    assert note.startswith("1 images could not be read and were left out: 10.pgm must be a whole image")
    (tmp_path / "9.pgm").write_bytes(b"")
    with pytest.raises(ImageDecodeError, match=r"at most 10\.0% of the images .*; got 2 of 11: 10\.pgm"):
        open_sampler(tmp_path, on_bad="skip").size  # noqa: B018 - looking is what raises


def test_large_sets_are_decoded_when_they_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from gandiag.samplers import _lazy, _pictures

    for at in range(7):
        save(tmp_path / f"{at}.png", grey() if at % 2 else rgb())
    whole = draw(tmp_path, 7)
    monkeypatch.setattr(_pictures, "EAGER_BYTES", 10)
    decoded = []
    real = _lazy.decode
    monkeypatch.setattr(_lazy, "decode", lambda *a: (decoded.append(a[1]), real(*a))[1])
    late = draw(tmp_path, 7)
    part = late.take(np.array([5, 0, 3]))
    assert decoded == []
    assert (late.shape, late.value_range, late.notes[:-1]) == (whole.shape, whole.value_range, whole.notes)
    np.testing.assert_array_equal(np.concatenate([block for _, block in late.blocks(3)]), whole.values)
    assert len(decoded) == 7
    np.testing.assert_array_equal(np.concatenate([block for _, block in part.blocks()]), whole.values[[5, 0, 3]])
    np.testing.assert_array_equal(np.asarray(part.values), whole.values[[5, 0, 3]])
    np.testing.assert_array_equal(late.matrix(), whole.matrix())
    (tmp_path / "3.png").unlink()
    with pytest.raises(ImageDecodeError, match=r"3\.png must be readable; got No such file"):
        late.matrix()
    save(tmp_path / "3.png", grey(9))
    with pytest.raises(ImageDecodeError, match=r"3\.png must not change while it is read; got \(9, 9\)"):
        late.matrix()


def test_blocks_of_late_images_are_small_whatever_their_number() -> None:
    from gandiag.samplers._lazy import Decoded

    class Large(Decoded):
        def __init__(self) -> None:
            self.shape, self.dtype, self.asked = (50_000, 299, 299, 3), np.dtype(np.uint8), []

        def __getitem__(self, part: slice) -> np.ndarray:
            self.asked.append(part.stop - part.start)
            return np.zeros((1, 299, 299, 3), np.uint8)

    large = Large()
    list(zip(range(3), SampleSet(values=large, kind="image").blocks(), strict=False))
    assert set(large.asked) == {1000}  # 256 MiB


def test_a_layout_has_no_meaning_for_files_and_heights_of_three_are_no_channels(tmp_path: Path) -> None:
    values = save(tmp_path / "a.png", RNG.integers(0, 256, (3, 5, 3)).astype(np.uint8))
    np.testing.assert_array_equal(draw(tmp_path, 1).values[0], values)
    with pytest.raises(ConfigError, match="image files have no layout to declare; got channels_first"):
        draw(tmp_path, 1, layout="channels_first")


def test_folders_that_cannot_be_read_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from gandiag.samplers import image_folder

    save(tmp_path / "a.png", grey())

    def refuse(path: object) -> object:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(image_folder.os, "scandir", refuse)
    with pytest.raises(FileFormatError, match=r"folder .* must be readable; got Permission denied"):
        open_sampler(tmp_path)


def test_s09_files_of_an_unreasonable_size_are_refused(tmp_path: Path) -> None:
    with (tmp_path / "a.png").open("wb") as file:
        file.truncate(2**29 + 1)  # sparse: takes no room
    with pytest.raises(ResourceLimitError, match=r"a\.png must have at most 512 MiB; got 536870913 bytes"):
        draw(tmp_path, 1)


def test_an_image_that_became_a_link_or_a_pipe_is_not_opened(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    save(path, grey())
    sampler = open_sampler(tmp_path)
    path.rename(tmp_path / "b")
    path.symlink_to(tmp_path / "b")
    with pytest.raises(ImageDecodeError, match=r"a\.png must be readable; got Too many levels"):
        sampler.sample(1, rng=RNG)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(ImageDecodeError, match=r"a\.png must be an ordinary file"):
        sampler.sample(1, rng=RNG)


def test_scores_of_sets_that_are_decoded_late_are_those_of_sets_that_are_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import gandiag
    from gandiag.samplers import _pictures

    for side in ("real", "fake"):
        for at in range(40):
            save(tmp_path / side / f"{at}.png", grey(4))

    def scored() -> list[tuple[float | None, float | None]]:
        report = gandiag.score(
            tmp_path / "real",
            tmp_path / "fake",
            metrics=["energy", "frechet"],
            permutations=49,
        )
        return [(r.estimate, None if r.p_value is None else r.p_value.value) for r in report.fakes[0].results]

    held = scored()
    monkeypatch.setattr(_pictures, "EAGER_BYTES", 0)
    assert scored() == held


@pytest.mark.parametrize("quality", [30, 50, 75, 92, 100])
def test_b27_the_quality_of_jpegs_is_estimated_and_said(tmp_path: Path, quality: int) -> None:
    from gandiag.samplers._pixels import quality_of

    for at, off in enumerate((0, 0, -3)):
        save(tmp_path / f"{at}.jpg", rgb(16), quality=quality + off)
    with Image.open(tmp_path / "0.jpg") as image:
        assert abs((quality_of(image) or 0) - quality) <= 1
    samples = draw(tmp_path, 3)
    said = next(note for note in samples.notes if note.startswith("JPEG quality about "))
    assert abs(int(said.split()[3].rstrip(",")) - quality) <= 1
    assert samples.extra["formats"].startswith("JPEG of quality about ")
    assert "quality" not in draw_png(tmp_path / "png").extra["formats"]


def draw_png(folder: Path) -> SampleSet:
    save(folder / "a.png", grey())
    return draw(folder, 1)


def test_b27_jpegs_of_another_quality_are_said_in_the_report(tmp_path: Path) -> None:
    import gandiag

    for folder, quality in (("real", 95), ("fake", 70)):
        for at in range(20):
            save(tmp_path / folder / f"{at}.jpg", grey(8), quality=quality)
    report = gandiag.score(tmp_path / "real", tmp_path / "fake", metrics=["energy"], permutations=19)
    said = "real images are JPEG of quality about 100, these are JPEG of quality about 70"
    assert any(said in note for note in report.fakes[0].notes)
