"""Files of numbers: every format, every lie that a header can tell, and nothing that runs code."""

from __future__ import annotations

import io
import os
import pickle
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file
from safetensors.torch import save_file as save_tensors

from gandiag.core.classes import class_code
from gandiag.core.samples import SampleSet
from gandiag.errors import (
    ConfigError,
    DtypeError,
    FileFormatError,
    GandiagError,
    NonFiniteError,
    RangeError,
    ResourceLimitError,
    ShapeError,
    TooFewSamplesError,
)
from gandiag.samplers import npz_file
from gandiag.sources import open_sampler

X = np.random.default_rng(0).normal(size=(120, 3))
LABELS = np.arange(120) % 5


def draw(source: object, n: int = 20, **options: object) -> SampleSet:
    return open_sampler(source, **options).sample(n, rng=np.random.default_rng(1))


def write(folder: Path, ending: str) -> Path:
    path = folder / f"x{ending}"
    if ending == ".npy":
        np.save(path, X)
    elif ending == ".npz":
        np.savez_compressed(path, X)
    elif ending == ".safetensors":
        save_file({"samples": X}, path)
    else:
        np.savetxt(path, X, delimiter="," if ending == ".csv" else "\t", fmt="%.18e")
    return path


ENDINGS = [".npy", ".npz", ".csv", ".tsv", ".safetensors"]


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("batch_size", [None, 7])
def test_every_format_gives_the_rows_of_the_array(tmp_path: Path, ending: str, batch_size: int | None) -> None:
    path = write(tmp_path, ending)
    samples = draw(str(path), batch_size=batch_size)
    np.testing.assert_allclose(samples.values, draw(X).values, rtol=0 if ending not in (".csv", ".tsv") else 1e-15)
    assert samples.source == path.name
    np.testing.assert_array_equal(draw(path).values, samples.values)


@pytest.mark.parametrize("ending", ENDINGS)
def test_names_are_addresses_as_given_and_never_absolute(
    tmp_path: Path, ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path, ending)
    assert open_sampler(str(path)).name == path.name
    monkeypatch.chdir(tmp_path)
    assert open_sampler(f"./{path.name}").name == f"./{path.name}"
    assert open_sampler(path.name, name="mine").name == "mine"


def test_upper_case_endings_are_read(tmp_path: Path) -> None:
    path = write(tmp_path, ".npy").rename(tmp_path / "X.NPY")
    assert len(draw(str(path))) == 20


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["<f8", ">f8", "<f4", "<f2", "|u1", "<i8"])
def test_npy_of_every_order_and_number_is_read(tmp_path: Path, order: str, dtype: str) -> None:
    values = np.asarray(X * 10 + 100, dtype=dtype, order=order)
    np.save(tmp_path / "x.npy", values)
    samples = draw(str(tmp_path / "x.npy"), 120, lag=1)
    np.testing.assert_array_equal(samples.values, values[np.random.default_rng(1).permutation(120)])
    assert samples.values.dtype.isnative


def test_a_memory_map_is_not_copied_whole(tmp_path: Path) -> None:
    import tracemalloc

    rows = np.lib.format.open_memmap(tmp_path / "big.npy", mode="w+", dtype="f4", shape=(200_000, 64))
    rows[:] = np.random.default_rng(0).standard_normal(64, dtype="f4")
    rows.flush()
    tracemalloc.start()
    try:
        sampler = open_sampler(str(tmp_path / "big.npy"), lag=1)
        sampler.sample(100, rng=np.random.default_rng(0))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 10_000_000  # the file holds 51 MB; the order of its rows takes 1.6 MB twice


def test_b01_rows_of_a_file_are_named_by_their_place_in_it(tmp_path: Path) -> None:
    bad = X.copy()
    bad[77] = np.nan
    np.save(tmp_path / "x.npy", bad)
    with pytest.raises(NonFiniteError, match=r"1 of 120 rows with NaN or infinity \(first rows 77\)"):
        draw(str(tmp_path / "x.npy"), 120, lag=1)


def header(shape: str, descr: str = "'<f8'") -> bytes:
    text = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}".encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


LIES = [
    (
        "huge",
        header("(100000000, 1000)") + b"\0" * 80,
        FileFormatError,
        r"exactly what its header says.*\(800000000000 bytes\) with 80",
    ),
    ("overflow", header("(4611686018427387904, 4)") + b"\0" * 80, FileFormatError, "exactly what its header says"),
    ("negative", header("(-1, -10)") + b"\0" * 80, FileFormatError, "exactly what its header says"),
    ("short", header("(10, 2)") + b"\0" * 159, FileFormatError, "truncated or damaged"),
    ("long", header("(10, 2)") + b"\0" * 161, FileFormatError, "truncated or damaged"),
    ("zero", header("(0, 2)"), TooFewSamplesError, "must hold samples|at least one"),
    (
        "objects",
        header("(10,)", "'|O'") + b"\0" * 80,
        DtypeError,
        "objects and records are never read; got dtype object",
    ),
    ("records", header("(10,)", "[('a', '<f8')]") + b"\0" * 80, DtypeError, "objects and records are never read"),
    ("text", header("(10,)", "'<U2'") + b"\0" * 80, DtypeError, "must hold real numbers"),
    ("code", header("__import__('os').system('true')") + b"\0" * 80, FileFormatError, "must be a .npy array"),
    ("magic", b"PK\x03\x04" + b"\0" * 100, FileFormatError, "must be a .npy array.*Write it with np.save"),
    ("empty", b"", FileFormatError, "must be a .npy array"),
    ("version", b"\x93NUMPY\x09\x00" + b"\0" * 100, FileFormatError, "must be a .npy array"),
]


@pytest.mark.parametrize(("data", "error", "message"), [lie[1:] for lie in LIES], ids=[f"S04-{lie[0]}" for lie in LIES])
@pytest.mark.parametrize("packed", [False, True], ids=["npy", "npz"])
def test_lying_headers_are_refused_before_anything_is_allocated(
    tmp_path: Path, data: bytes, error: type, message: str, packed: bool
) -> None:
    path = tmp_path / ("x.npz" if packed else "x.npy")
    if packed:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("x.npy", data)
    else:
        path.write_bytes(data)
    with pytest.raises(error, match=message):
        draw(str(path))


class Marker:
    """A pickle that leaves a trace when it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return (os.mkdir, (str(self.path),))


@pytest.mark.parametrize("ending", [".pt", ".pth", ".pkl", ".ckpt", ".npy", ".npz", ".PT"])
def test_s02_pickles_never_run(tmp_path: Path, ending: str) -> None:
    trace, path = tmp_path / "trace", tmp_path / f"x{ending}"
    if ending == ".npy":
        np.save(path, np.array([Marker(trace)], dtype=object), allow_pickle=True)
    elif ending == ".npz":
        np.savez(path, x=np.array([Marker(trace)], dtype=object))
    else:
        path.write_bytes(pickle.dumps(Marker(trace)))
    with pytest.raises((FileFormatError, DtypeError), match=r"they can run code|objects and records are never read"):
        draw(str(path))
    assert not trace.exists()


def test_the_marker_would_have_left_its_trace(tmp_path: Path) -> None:
    pickle.loads(pickle.dumps(Marker(tmp_path / "trace")))  # noqa: S301
    assert (tmp_path / "trace").exists()


def test_refused_models_say_how_to_pass_them(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    torch.save({"w": torch.zeros(2)}, path)
    with pytest.raises(
        FileFormatError, match=r"got model\.pt\. Save samples as .*my_gan\.py:model with --latent normal"
    ):
        open_sampler(str(path))


def test_npz_members_are_chosen_and_labels_found(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    np.savez(path, x=X, y=LABELS, other=np.zeros(3))
    samples = draw(str(path))
    np.testing.assert_array_equal(samples.labels, LABELS[np.random.default_rng(1).permutation(120)[:20]])
    assert "the array 'x' of 3 was read" in samples.notes
    assert "labels were read from 'y'" in samples.notes
    np.savez(path, a=X, b=X[:50], labels=LABELS[:7])
    with pytest.raises(ConfigError, match="several arrays, so key= must name one; got a, b, labels"):
        draw(str(path))
    with pytest.raises(ConfigError, match=r"no such array; got aa\. Did you mean 'a'"):
        draw(str(path), key="aa")
    chosen = draw(str(path), key="b")
    assert chosen.labels is None
    assert any("'labels' does not hold one class per sample" in note for note in chosen.notes)
    np.savez(path, a=X)
    assert len(draw(str(path), 120, lag=1)) == 120


def test_safetensors_members_labels_and_bfloat16(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    save_tensors({"x": torch.tensor(X).bfloat16(), "labels": torch.tensor(LABELS)}, path)
    samples = draw(str(path))
    np.testing.assert_array_equal(samples.values, draw(torch.tensor(X).bfloat16()).values)
    assert samples.labels is not None
    path.write_bytes(b"\xff" * 100)
    with pytest.raises(FileFormatError, match=r"whole \.safetensors file"):
        draw(str(path))


def test_s05_archives_that_swell_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", header("(12000000,)") + b"\0" * 96_000_000)
    assert path.stat().st_size < 200_000
    with pytest.raises(ResourceLimitError, match="must not swell beyond 16 GiB or 200 times its size"):
        draw(str(path))


@pytest.mark.parametrize("name", ["/etc/x.npy", "../x.npy", "a/../../x.npy", "C:x.npy", "..\\x.npy"])
def test_s05_members_with_paths_that_escape_are_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / "x.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, b"")
    with pytest.raises(FileFormatError, match="plain names and no encryption"):
        draw(str(path))


def test_s05_double_and_too_many_members_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", b"1")
        archive.writestr("x", b"2")
    with pytest.raises(FileFormatError, match="two members of one name"):
        draw(str(path))
    monkeypatch.setattr(npz_file, "MOST_MEMBERS", 1)
    with pytest.raises(ResourceLimitError, match="at most 1 members; got 2"):
        draw(str(path))


@pytest.mark.parametrize("ending", [".npy", ".npz", ".safetensors", ".csv"])
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_p27_damaged_files_give_gandiag_errors_only(tmp_path: Path, ending: str, data: st.DataObject) -> None:
    whole = bytearray(write(tmp_path, ending).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, min(len(whole), 400) - 1))
        whole[at] = data.draw(st.integers(0, 255))
    cut = data.draw(st.one_of(st.none(), st.integers(0, len(whole))))
    path = tmp_path / f"damaged{ending}"
    path.write_bytes(bytes(whole[:cut]))
    try:
        samples = draw(str(path), 5)
    except GandiagError:
        return  # said in our words; anything else fails the test
    assert np.isfinite(samples.values).all()


CSV = "a,label,b\n1,cat,2\n3,dog,4\n5,cat,6\n"


def test_tables_have_headers_labels_and_chosen_columns(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text(CSV)
    order = np.random.default_rng(1).permutation(3)
    samples = draw(str(path), 3)
    np.testing.assert_array_equal(samples.values, np.array([[1, 2], [3, 4], [5, 6]])[order])
    np.testing.assert_array_equal(samples.labels, np.array([class_code(n) for n in ("cat", "dog", "cat")])[order])
    np.testing.assert_array_equal(draw(str(path), 3, key="b, a").values, np.array([[2, 1], [4, 3], [6, 5]])[order])
    with pytest.raises(ConfigError, match="no column of that name; got c"):
        draw(str(path), 3, key="c")
    path.write_text("\ufeff" + CSV.replace("cat", "10").replace("dog", "9"), encoding="utf-8")
    np.testing.assert_array_equal(draw(str(path), 3).labels, np.array([10, 9, 10])[order])


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("1,2\n3\n", FileFormatError, "lines of one length; got .*row 2"),
        ("1,2\n3,x\n", FileFormatError, "could not convert string 'x'"),
        ("1,2\n3,\n", FileFormatError, "could not convert string ''"),
        ("1,2\n3,nan\n", NonFiniteError, "1 of 2 rows with NaN"),
        ("", TooFewSamplesError, "at least one line of numbers"),
        ("a,b\n", TooFewSamplesError, "at least one line of numbers"),
        ("label\ncat\n", TooFewSamplesError, "at least one line of numbers"),
    ],
)
def test_unfit_tables_are_refused(tmp_path: Path, text: str, error: type, message: str) -> None:
    path = tmp_path / "x.csv"
    path.write_text(text)
    with pytest.raises(error, match=message):
        draw(str(path), 1)


def test_tables_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(b"\xff\xfe\x00\x01,\n")
    with pytest.raises(FileFormatError, match="table of numbers"):
        draw(str(path))


@pytest.mark.parametrize("ending", ENDINGS)
def test_missing_files_and_odd_ones_are_refused(tmp_path: Path, ending: str) -> None:
    write(tmp_path, ending)
    with pytest.raises(FileFormatError, match=rf"file or folder of that name; got .*Did you mean 'x{ending}'"):
        open_sampler(str(tmp_path / f"xy{ending}"))
    with pytest.raises(FileFormatError, match="file or folder of that name"):
        open_sampler(tmp_path / f"q{ending}")
    (tmp_path / f"folder{ending}").mkdir()
    with pytest.raises(GandiagError, match=r"must be an ordinary file|must hold images"):
        open_sampler(str(tmp_path / f"folder{ending}"))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_s08_a_pipe_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.npy")
    with pytest.raises(FileFormatError, match="an ordinary file; got a folder, pipe or device"):
        open_sampler(str(tmp_path / "x.npy"))


def test_unknown_endings_say_the_known_ones(tmp_path: Path) -> None:
    (tmp_path / "x.xyz").write_bytes(b"")
    with pytest.raises(
        FileFormatError, match=r"\.npy, \.npz, \.csv, \.tsv, \.safetensors, \.zip, \.tar or \.onnx; got x\.xyz"
    ):
        open_sampler(str(tmp_path / "x.xyz"))


def test_b17_sorted_files_are_noticed_like_arrays(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.sort(X, axis=0))
    samples = draw(str(tmp_path / "x.npy"))
    assert samples.lag > 1
    assert draw(str(tmp_path / "x.npy"), lag=1).lag == 1


def test_a_user_memory_map_is_read_at_the_chosen_rows(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", X)
    np.testing.assert_array_equal(draw(np.load(tmp_path / "x.npy", mmap_mode="r")).values, draw(X).values)


def test_labels_can_be_passed_beside_a_file(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", X)
    samples = draw(str(tmp_path / "x.npy"), labels=LABELS)
    np.testing.assert_array_equal(samples.labels, LABELS[np.random.default_rng(1).permutation(120)[:20]])


def test_an_archive_in_memory_is_not_a_source() -> None:
    with pytest.raises(GandiagError, match=r"something that samples can come from|one array|real numbers"):
        draw(io.BytesIO(b"x"))


@pytest.mark.parametrize("ending", [".npy", ".npz"])
def test_arrays_of_images_take_their_layout_and_range_from_the_address(tmp_path: Path, ending: str) -> None:
    images = np.random.default_rng(0).uniform(-1, 1, (20, 3, 4, 3)).astype(np.float32)
    path = tmp_path / f"x{ending}"
    np.save(path, images) if ending == ".npy" else np.savez(path, images)
    with pytest.raises(ShapeError, match=r'the channel axis .* either first or last.*layout="channels_first"'):
        open_sampler(str(path))
    samples = draw(f"{path}?layout=channels_first&value_range=-1:1")
    assert (samples.kind, samples.shape, samples.value_range) == ("image", (4, 3, 3), (-1.0, 1.0))
    assert "channels were moved from first to last" in samples.notes
    last = draw(path, layout="channels_last")
    np.testing.assert_array_equal(np.moveaxis(samples.values, -1, 1), last.values)
    with pytest.raises(RangeError, match=r"declared range \[0, 1\]"):
        draw(f"{path}?layout=channels_last&value_range=0:1")
    for wrong in ("value_range=1", "value_range=a:b"):
        with pytest.raises(ConfigError, match="a range in an address must be two numbers"):
            open_sampler(f"{path}?{wrong}")
    with pytest.raises(ConfigError, match="a switch in an address must be yes or no; got maybe"):
        open_sampler(f"{path}?recursive=maybe")
    with pytest.raises(ConfigError, match="`recursive` has no meaning for"):
        open_sampler(f"{path}?recursive=yes")
    np.save(tmp_path / "y.npy", np.arange(20))
    assert draw(f"{path}?layout=channels_last&labels={tmp_path}/y.npy").labels is not None


@pytest.mark.parametrize("ending", [".npy", ".npz"])
@pytest.mark.parametrize("dtype", ["uint8", ">u2"])
def test_large_arrays_of_images_stay_on_the_disk(
    tmp_path: Path, ending: str, dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gandiag.samplers import _finite

    images = np.random.default_rng(0).integers(0, 256, (30, 7, 5, 3)).astype(dtype)
    path = tmp_path / f"x{ending}"
    np.save(path, images) if ending == ".npy" else np.savez(path, images=images, labels=np.arange(30) % 3)
    whole = draw(path)
    monkeypatch.setattr(_finite, "MOST_BYTES_READ", 100)
    monkeypatch.setattr(npz_file, "MOST_BYTES_READ", 100)
    late = draw(path)
    assert hasattr(late.values, "rows")
    assert (late.kind, late.value_range, late.shape) == ("image", whole.value_range, (7, 5, 3))
    np.testing.assert_array_equal(np.concatenate([block for _, block in late.blocks(6)]), whole.values)
    assert (late.labels is None) == (ending == ".npy")
    if ending == ".npz":
        data = bytearray(path.read_bytes())
        data[400] ^= 1
        path.write_bytes(bytes(data))
        with pytest.raises(FileFormatError, match="Bad CRC-32"):
            open_sampler(path)


def test_large_packed_archives_are_read_as_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(npz_file, "MOST_BYTES_READ", 100)
    np.savez_compressed(tmp_path / "x.npz", X)
    np.testing.assert_array_equal(draw(tmp_path / "x.npz").values, draw(X).values)
    np.savez(tmp_path / "y.npz", np.asfortranarray(X))
    np.testing.assert_array_equal(draw(tmp_path / "y.npz").values, draw(X).values)
