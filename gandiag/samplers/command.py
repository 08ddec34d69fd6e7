"""``exec:`` programs: any language joins in that can write arrays or pictures to its stdout.

``exec:./gen --count {n} --seed {seed}`` runs ``./gen`` once per draw, without a shell: the text is split as a shell
splits it, then ``{n}`` and ``{seed}`` are replaced (``GANDIAG_N`` and ``GANDIAG_SEED`` hold them too). The program
writes exactly ``n`` rows to stdout and exits with 0. Rows are

- arrays in the .npy format, one or several after each other, each of shape (k, ...); or
- PNG pictures after each other, one per row.

Too few or too many rows, anything else on stdout, another exit status, or no end in time are errors of the sampler,
with the end of its stderr. This runs a program with the user's rights, so it is taken from the user's own call or
command line only: neither a policy file nor a checkpoint may name one.
"""

from __future__ import annotations

import io
import math
import os
import shlex
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gandiag.core.protocols import Sampler
from gandiag.core.samples import SampleSet
from gandiag.core.specs import SamplerSpec
from gandiag.errors import ConfigError, FileFormatError, ResourceLimitError, SamplerContractError
from gandiag.samplers._images import MOST_FILE_BYTES, open_picture, quiet
from gandiag.samplers._npy import read_head
from gandiag.samplers._picture_rows import USES, PictureRows
from gandiag.samplers._process import Process
from gandiag.samplers._receive import Array
from gandiag.samplers._settings import Settings
from gandiag.samplers._stream import Draw, StreamSampler

MOST_BYTES = 16 * 2**30

_NPY, _PNG = b"\x93NUMPY", b"\x89PNG\r\n\x1a\n"
_AT_ONCE = 2**62


@dataclass(frozen=True)
class Command:
    """A program and its arguments, as one line of text.

    Parameters
    ----------
    text : str
        ``./gen --count {n} --seed {seed}``.
    """

    text: str

    def argv(self) -> list[str]:
        """Split the line as a shell does, without one."""
        try:
            argv = shlex.split(self.text)
        except ValueError as error:
            raise ConfigError(
                "the command after exec: must be one that a shell could split",
                received=f"{self.text!r}: {error}",
                remedy="Close the quotes.",
            ) from error
        if not argv:
            raise ConfigError(
                "a program must follow exec:", received="nothing", remedy='Write "exec:./gen {n} {seed}".'
            )
        return argv

    @property
    def shown(self) -> str:
        """Name it without the folders of absolute paths: reports travel."""
        argv = [PurePath(part).name if PurePath(part).is_absolute() else part for part in self.argv()]
        return f"exec:{shlex.join(argv)}".replace("'{n}'", "{n}").replace("'{seed}'", "{seed}")


def accepts(source: object) -> bool:
    """Tell whether the source is a command."""
    return isinstance(source, Command)


def open_command(source: Any, **options: Any) -> Sampler:
    """Open a program; ``timeout`` is a deadline for one draw, after which it is stopped."""
    settings = Settings.read(options, uses=USES, by="programs")
    argv, name = source.argv(), settings.name or source.shown
    if os.name == "nt":
        raise ConfigError(
            "programs are run on POSIX systems", received="Windows", remedy="Wrap it in a Python function."
        )
    return CommandSampler(argv, settings, name)


class CommandSampler:
    """Runs a program once per draw, or once per batch where ``batch_size`` is given."""

    size: int | None = None

    def __init__(self, argv: list[str], settings: Settings, name: str) -> None:
        self.name, self._argv, self._settings = name, argv, settings

    def sample(self, n: int, *, rng: np.random.Generator) -> SampleSet:
        """Draw exactly ``n`` rows."""
        rows = PictureRows(self._settings, name=self.name)

        def begin(n: int, rng: np.random.Generator) -> Draw:
            def draw(start: int, stop: int) -> Array:
                return _run(self._argv, stop - start, int(rng.integers(2**31)), self._settings, rows, name=self.name)

            return draw

        seeded = any("{seed}" in part for part in self._argv)
        drawn = StreamSampler(
            begin,
            name=self.name,
            settings=self._settings,
            batch_size=_AT_ONCE,
            form_settings=lambda: rows.settings,
            notes=() if seeded else ("its seed was passed as GANDIAG_SEED only",),
        ).sample(n, rng=rng)
        return drawn.noting(*rows.notes)


def _run(argv: list[str], n: int, seed: int, settings: Settings, rows: PictureRows, *, name: str) -> Array:
    filled = [part.replace("{n}", str(n)).replace("{seed}", str(seed)) for part in argv]
    environment = {"GANDIAG_N": str(n), "GANDIAG_SEED": str(seed)}
    with Process(filled, name=name, timeout=settings.timeout, environment=environment) as process:
        reader = _Rows(process, n, rows, name=name)
        block = reader.read()
        if process.read(1, reader.so_far):
            raise SamplerContractError(
                f"{name} must write exactly {n} rows", received="more", remedy="Write as many as {n} says, and exit."
            )
        process.finish(reader.so_far)
        return block


class _Rows:
    """Reads rows from stdout: which format they have is said by the first bytes."""

    def __init__(self, process: Process, n: int, rows: PictureRows, *, name: str) -> None:
        self._process, self._n, self._rows, self._name = process, n, rows, name
        self._have = 0

    @property
    def so_far(self) -> str:
        """Say how far it came."""
        return f"after {self._have} of {self._n} rows"

    def read(self) -> Array:
        """Read all rows as one array."""
        parts: list[Any] = []
        form = b""
        while self._have < self._n:
            magic = self._exactly(len(_NPY), start=True)
            if form not in (b"", magic) or magic not in (_NPY, _PNG[: len(_NPY)]):
                raise SamplerContractError(
                    f"{self._name} must write .npy arrays or PNG pictures to stdout, one kind of them",
                    received=f"{magic!a} {self.so_far}{self._process.last_words()}",
                    remedy="Write messages to stderr.",
                )
            form = magic
            part = self._array() if magic == _NPY else self._picture()
            parts.append(part)
            self._have += len(part) if magic == _NPY else 1
        if form == _NPY:
            return parts[0] if len(parts) == 1 else self._joined(parts)
        return np.asarray(self._rows.alike(parts))

    def _joined(self, parts: list[Array]) -> Array:
        if len({(part.shape[1:], part.dtype) for part in parts}) > 1:
            listed = ", ".join(sorted({f"{part.shape[1:]} {part.dtype}" for part in parts})[:5])
            raise SamplerContractError(
                f"all arrays of {self._name} must have rows of one shape and dtype", received=listed, remedy="Mend it."
            )
        return np.concatenate(parts)

    def _array(self) -> Array:
        head = _NPY + self._exactly(4)
        longer = head[6] > 1
        head += self._exactly(2) if longer else b""
        length = int.from_bytes(head[8:], "little")
        if length > 2**16:
            raise FileFormatError(f"{self._name} must write plain .npy headers", received=length, remedy="Mend it.")
        shape, fortran, dtype = read_head(io.BytesIO(head + self._exactly(length)), name=self._name)
        size = math.prod(shape) * dtype.itemsize
        if not shape or shape[0] < 1 or shape[0] > self._n - self._have:
            raise SamplerContractError(
                f"{self._name} must write exactly {self._n} rows",
                received=f"an array of shape {shape} {self.so_far}",
                remedy="Write as many as {n} says.",
            )
        if size > MOST_BYTES:
            raise ResourceLimitError(
                f"{self._name} must write at most {MOST_BYTES >> 30} GiB", received=size, remedy="Ask for fewer rows."
            )
        data: NDArray[np.uint8] = np.empty(size, dtype=np.uint8)
        filled = self._process.fill(memoryview(data), self.so_far)  # type: ignore[arg-type]
        if filled != size:
            raise self._ended(f"{filled} of {size} bytes of an array")
        return data.view(dtype).reshape(shape, order="F" if fortran else "C")

    def _picture(self) -> Any:
        data = bytearray(_PNG[: len(_NPY)] + self._exactly(len(_PNG) - len(_NPY)))
        while True:
            head = self._exactly(8)
            length = int.from_bytes(head[:4], "big")
            if len(data) + length > MOST_FILE_BYTES:
                raise ResourceLimitError(
                    f"pictures of {self._name} must have at most {MOST_FILE_BYTES >> 20} MiB",
                    received=f"a chunk of {length} bytes {self.so_far}",
                    remedy="Mend it.",
                )
            data += head + self._exactly(length + 4)
            if head[4:] == b"IEND":
                break
        where = f"picture {self._have + 1}"
        with quiet(), open_picture(io.BytesIO(bytes(data)), name=f"{where} of {self._name}") as picture:
            return self._rows.pixels(picture, where)

    def _exactly(self, size: int, *, start: bool = False) -> bytes:
        found = self._process.read(size, self.so_far)
        if len(found) != size:
            raise self._ended("the end" if start and not found else "the end in the middle of a row")
        return found

    def _ended(self, where: str) -> SamplerContractError:
        """Say that stdout ended early, unless the exit status says more."""
        self._process.finish(self.so_far)
        return SamplerContractError(
            f"{self._name} must write exactly {self._n} rows",
            received=f"{where} {self.so_far}{self._process.last_words()}",
            remedy="Write as many as {n} says, and flush.",
        )


SAMPLER = SamplerSpec(
    name="command",
    summary="A program that writes .npy arrays or PNG pictures to stdout: exec:./gen {n} {seed}. Runs that program.",
    accepts=accepts,
    open=open_command,
    priority=-2,
)
