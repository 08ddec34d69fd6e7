"""Programs behind exec:: the rows they write, and everything that goes wrong on the way."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import pytest

from gandiag.core.samples import SampleSet
from gandiag.errors import (
    ConfigError,
    FileFormatError,
    ImageDecodeError,
    ResourceLimitError,
    SamplerContractError,
    SamplerRaised,
    SamplerTimeout,
)
from gandiag.gate.policy import read_policies
from gandiag.samplers import _process
from gandiag.samplers.command import Command
from gandiag.sources import open_sampler, shown

# Programs know no NumPy: they start ten times faster, and show that the format needs none.
HEAD = r"""
import sys, os, io, time, random, struct, zlib
out = sys.stdout.buffer
words = sys.argv[1:3] if len(sys.argv) > 2 else (os.environ["GANDIAG_N"], os.environ["GANDIAG_SEED"])
n, seed = map(int, words)
rng = random.Random(seed)
def head(shape, kind="<f8", fortran=False):
    text = repr({"descr": kind, "fortran_order": fortran, "shape": shape}).encode()
    text += b" " * (117 - len(text)) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text
def npy(*shape, value=None):
    size = 1
    for side in shape: size *= side
    values = [rng.gauss(0, 1) if value is None else value for _ in range(size)]
    return head(shape) + struct.pack(f"<{size}d", *values)
def png(height, width, pixels, colour=2):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    step = len(pixels) // height
    raw = b"".join(b"\0" + pixels[i * step : (i + 1) * step] for i in range(height))
    first = struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", first) + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")
"""
NORMAL = HEAD + "out.write(npy(n, 3))\n"


def program(folder: Path, text: str) -> str:
    (folder / "gen.py").write_text(text)
    return f"exec:{sys.executable} -S -E {folder / 'gen.py'} {{n}} {{seed}}"


def draw(folder: Path, text: str, n: int = 20, seed: int = 0, **options: object) -> SampleSet:
    return open_sampler(program(folder, text), **options).sample(n, rng=np.random.default_rng(seed))


def test_a_program_writes_the_rows_of_one_array(tmp_path: Path) -> None:
    samples = draw(tmp_path, NORMAL)
    assert (samples.kind, samples.shape) == ("vector", (3,))
    np.testing.assert_array_equal(draw(tmp_path, NORMAL).values, samples.values)
    assert not np.array_equal(draw(tmp_path, NORMAL, seed=1).values, samples.values)
    name = Path(sys.executable).name
    assert samples.source == f"exec:{name} -S -E gen.py {{n}} {{seed}}" == shown(program(tmp_path, NORMAL))


def test_arrays_after_each_other_are_joined_and_batches_are_runs(tmp_path: Path) -> None:
    chunks = HEAD + "for k in (n // 2, n - n // 2):\n    out.write(npy(k, 3))\n"
    np.testing.assert_array_equal(draw(tmp_path, chunks).values, draw(tmp_path, NORMAL).values)
    turned = HEAD + "out.write(head((n, 3), fortran=True) + npy(n, 3)[128:])\n"
    plain = draw(tmp_path, NORMAL).values
    np.testing.assert_array_equal(draw(tmp_path, turned).values, plain.ravel().reshape(20, 3, order="F"))
    assert len(draw(tmp_path, NORMAL, n=10, batch_size=4)) == 10
    with pytest.raises(SamplerContractError, match="rows of one shape and dtype"):
        draw(tmp_path, HEAD + "out.write(npy(n - 1, 3) + npy(1, 2))\n")


def test_images_are_written_as_arrays_or_as_pictures(tmp_path: Path) -> None:
    arrays = HEAD + "out.write(head((n, 4, 5, 3), '|u1') + rng.randbytes(n * 60))\n"
    pictures = HEAD + "for i in range(n):\n    out.write(png(4, 5, rng.randbytes(60)))\n"
    first, second = draw(tmp_path, arrays, layout="channels_last"), draw(tmp_path, pictures)
    np.testing.assert_array_equal(first.values, second.values)
    assert (second.kind, second.value_range, second.notes) == ("image", (0.0, 255.0), ())
    mixed = pictures + "out.write(png(4, 5, bytes(20), 0))\n"
    samples = draw(tmp_path, mixed.replace("range(n)", "range(n - 1)"))
    assert "1 grey images were repeated to RGB, as the others are" in samples.notes
    with pytest.raises(ImageDecodeError, match=r"picture 1 of exec:.* must not be transparent"):
        draw(tmp_path, pictures.replace("rng.randbytes(60)", "bytes(80), 6"))


def test_number_and_seed_are_in_the_environment_too(tmp_path: Path) -> None:
    (tmp_path / "gen.py").write_text(HEAD + "out.write(npy(n, 2, value=seed))\n")
    samples = open_sampler(Command(f"{sys.executable} -S -E {tmp_path}/gen.py")).sample(5, rng=np.random.default_rng(0))
    assert samples.values.min() == samples.values.max() > 0
    assert "its seed was passed as GANDIAG_SEED only" in samples.notes


def test_no_shell_sees_the_command(tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    text = HEAD + "assert sys.argv[3:] == [';', 'touch', sys.argv[5], '$(touch', '|', '*', '!x=1'], sys.argv\n"
    address = program(tmp_path, text + "out.write(npy(n, 1))\n") + f" ';' touch {marker} '$(touch' '|' * !x=1"
    assert len(open_sampler(address).sample(3, rng=np.random.default_rng(0))) == 3
    assert not marker.exists()


WRONG = {
    "too few": (
        "out.write(npy(n - 1, 2))",
        SamplerContractError,
        "exactly 20 rows; got the end after 19 of 20",
    ),
    "too many": (
        "out.write(npy(n + 1, 2))",
        SamplerContractError,
        r"an array of shape \(21, 2\) after 0 of 20",
    ),
    "more": ("out.write(npy(n, 2) + b'x')", SamplerContractError, "exactly 20 rows; got more"),
    "nothing": ("pass", SamplerContractError, "exactly 20 rows; got the end after 0 of 20 rows"),
    "cut": (
        "out.write(npy(n, 2)[:-7])",
        SamplerContractError,
        "got 313 of 320 bytes of an array after 0 of 20 rows",
    ),
    "cut header": ("out.write(b'\\x93NUMPY\\x01\\x00')", SamplerContractError, "the end in the middle of a row"),
    "garbage": (
        "print('loading model'); sys.stderr.write('hm')",
        SamplerContractError,
        "got b'loadin' .*stderr ends: hm",
    ),
    "objects": (
        "out.write(head((n,), '|O') + bytes(99))",
        Exception,
        "must hold real numbers; objects and records are never read",
    ),
    "a scalar": ("out.write(npy())", SamplerContractError, r"an array of shape \(\) after 0"),
    "a lying header": (
        "out.write(head((1, 10**12)))",
        ResourceLimitError,
        "must write at most 16 GiB",
    ),
    "a giant header": ("out.write(b'\\x93NUMPY\\x02\\x00\\xff\\xff\\xff\\x7f')", FileFormatError, "plain .npy headers"),
    "a giant chunk": (
        "out.write(b'\\x89PNG\\r\\n\\x1a\\n\\xff\\xff\\xff\\xffIDAT')",
        ResourceLimitError,
        "a chunk of 4294967295 bytes",
    ),
    "status": (
        "out.write(npy(n, 2)); sys.exit(3)",
        SamplerRaised,
        "exit with status 0; got exit status 3 after 20",
    ),
    "a traceback": (
        "raise ValueError('no\\x1b[31m weights')",
        SamplerRaised,
        r"status 1 .*ValueError: no \[31m weights",
    ),
    "a signal": ("os.kill(os.getpid(), 11)", SamplerRaised, "got signal SIGSEGV after 0 of 20 rows"),
    "NaN": ("out.write(npy(n, 2, value=float('nan')))", Exception, "20 of 20 rows with NaN"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_goes_wrong_is_said(tmp_path: Path, case: str) -> None:
    line, kind, phrase = WRONG[case]
    with pytest.raises(kind, match=phrase) as caught:
        draw(tmp_path, HEAD + line + "\n")
    assert str(caught.value).isprintable()


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


@pytest.mark.parametrize("stubborn", [False, True])
def test_b32_a_program_that_hangs_is_stopped_with_all_that_it_started(
    tmp_path: Path, stubborn: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_process, "_GRACE", 0.2)
    text = HEAD + "import subprocess, signal\n" + stubborn * "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    text += (
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        f"open({str(tmp_path / 'pids')!r}, 'w').write(f'{{os.getpid()}} {{child.pid}}')\n"
        "sys.stderr.write('waiting for a licence'); sys.stderr.flush()\n"
        "time.sleep(60)\n"
    )
    began = time.monotonic()
    with pytest.raises(
        SamplerTimeout, match=r"must end within 1\.5 s; got after 0 of 20 rows; its stderr ends: waiting for"
    ):
        draw(tmp_path, text, timeout=1.5)
    assert time.monotonic() - began < 10
    pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
    for _ in range(100):
        if not any(map(alive, pids)):
            break
        time.sleep(0.02)
    assert not any(map(alive, pids))


def test_b32_a_program_that_falls_silent_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_process, "QUIET_SECONDS", 0.7)
    busy = HEAD + "for i in range(n):\n    out.write(npy(1, 1)); out.flush(); time.sleep(0.08)\n"
    assert len(draw(tmp_path, busy, n=12)) == 12
    with pytest.raises(SamplerTimeout, match=r"must write something every 0\.7 s; got after 1 of 20 rows"):
        draw(tmp_path, HEAD + "out.write(npy(1, 1)); out.flush(); time.sleep(60)\n")


def test_a_program_that_floods_stderr_does_not_block(tmp_path: Path) -> None:
    text = HEAD + "sys.stderr.write('x' * 3_000_000)\nout.write(head((n, 200_000)) + bytes(n * 1_600_000))\n"
    assert draw(tmp_path, text, n=3).shape == (200_000,)


def test_orphans_are_ended_after_a_good_run_too(tmp_path: Path) -> None:
    text = NORMAL + (
        "import subprocess\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'],"
        " stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)\n"
        f"open({str(tmp_path / 'pid')!r}, 'w').write(str(child.pid))\n"
    )
    assert len(draw(tmp_path, text)) == 20
    pid = int((tmp_path / "pid").read_text())
    for _ in range(100):
        if not alive(pid):
            break
        time.sleep(0.02)
    assert not alive(pid)


@pytest.mark.parametrize(
    ("address", "phrase"),
    [
        ("exec:", "a program must follow exec:"),
        ("exec:   ", "a program must follow exec:"),
        ("exec:./gen 'x", "must be one that a shell could split; got .*No closing quotation"),
        ("exec:/no/such/program {n}", "must be a program that can be started; got No such file"),
        ("exec:/etc", "must be a program that can be started; got Permission denied"),
    ],
)
def test_what_cannot_be_started_is_said(address: str, phrase: str) -> None:
    with pytest.raises(ConfigError, match=phrase):
        open_sampler(address).sample(3, rng=np.random.default_rng(0))


def test_programs_and_trust_come_from_the_user_alone(tmp_path: Path) -> None:
    from reference_models.core.data import from_file

    for address in ("exec:./gen {n}", "net.pt2?trust=yes&latent=normal:8"):
        for side in ("real", "fake", "train"):
            (tmp_path / "gandiag.toml").write_text(f'[gate.a]\n{side} = "{address}"\n')
            with pytest.raises(ConfigError, match=f"`{side}` of .* must not name a program or a file to be trusted"):
                read_policies(tmp_path / "gandiag.toml")
        with pytest.raises(ConfigError, match="a checkpoint must not name code as its data"):
            from_file(address)
    (tmp_path / "gandiag.toml").write_text('[gate.a]\nreal = "toy:ring8"\nfake = "my_gan.py:net"\n')
    assert read_policies(tmp_path / "gandiag.toml")


def test_options_without_meaning_are_refused() -> None:
    with pytest.raises(ConfigError, match="`latent` has no meaning for programs"):
        open_sampler("exec:./gen", latent="normal:3")
    assert isinstance(open_sampler("exec:./gen").name, str)
