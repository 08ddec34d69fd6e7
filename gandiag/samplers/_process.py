"""One run of a program whose output is read as it comes: with a deadline, the end of its stderr, and no orphans.

The program is started without a shell, in a process group of its own, with nothing on its stdin. Whatever happens, the
whole group is gone when the run is left.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any

from gandiag.errors import ConfigError, SamplerRaised, SamplerTimeout

QUIET_SECONDS = 600.0

_TAIL = 2000
_SHOWN = 300
_GRACE = 2.0
_LAST_WORDS = 0.2
_PIECE = 2**20


class Process:
    """A running program.

    Parameters
    ----------
    argv : sequence of str
    name : str
        What messages call it.
    timeout : float, optional
        Seconds that all of it may take. Without one, a program that writes nothing for ten minutes is given up.
    environment : mapping
        Added to the caller's.
    """

    def __init__(
        self, argv: Sequence[str], *, name: str, timeout: float | None, environment: Mapping[str, str]
    ) -> None:
        self.name, self._timeout = name, timeout
        self._began = time.monotonic()
        self._tail = b""
        self._left = bytearray()
        try:
            self._process = subprocess.Popen(
                list(argv),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                start_new_session=True,
                env={**os.environ, **environment},
            )
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"{name} must be a program that can be started",
                received=getattr(error, "strerror", None) or str(error),
                remedy="Check its path; arguments are split as a shell splits them, but no shell runs.",
            ) from error
        self._selector = selectors.DefaultSelector()
        for stream in (self._process.stdout, self._process.stderr):
            if stream is not None:
                os.set_blocking(stream.fileno(), False)
                self._selector.register(stream, selectors.EVENT_READ)

    def __enter__(self) -> Process:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._selector.close()
        self._end()
        for stream in (self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()

    def read(self, size: int, so_far: str) -> bytes:
        """Read ``size`` bytes of stdout, fewer only where it ends; ``so_far`` is said where time runs out."""
        while len(self._left) < size and self._more(so_far):
            pass
        found = bytes(self._left[:size])
        del self._left[:size]
        return found

    def fill(self, view: memoryview, so_far: str) -> int:
        """Read stdout into a buffer, and return how much of it was filled."""
        have = 0
        while have < len(view):
            if not self._left and not self._more(so_far):
                break
            part = min(len(view) - have, len(self._left))
            view[have : have + part] = self._left[:part]
            del self._left[:part]
            have += part
        return have

    def finish(self, so_far: str) -> None:
        """Wait for the end, and refuse any exit status but 0.

        Raises
        ------
        SamplerRaised
            With the status or signal, and the end of stderr.
        """
        while self._selector.get_map() and self._more(so_far, drop=True):
            pass
        while (status := self._process.poll()) is None:
            self._refuse_late(so_far)
            time.sleep(0.005)
        if status != 0:
            raise SamplerRaised(
                f"{self.name} must exit with status 0",
                received=f"{_told(status)} {so_far}{self.last_words()}",
                remedy="Run it by hand to see why.",
            )

    def last_words(self) -> str:
        """Quote the end of stderr, printably."""
        self._listen()
        text = self._tail.decode("utf-8", "replace").strip()
        shown = "".join(c if c.isprintable() else " " for c in text)[-_SHOWN:]
        return f"; its stderr ends: {shown}" if shown else ""

    def _listen(self) -> None:
        """Take what stderr has to say just now."""
        until = time.monotonic() + _LAST_WORDS
        stderr = self._process.stderr
        if stderr is None or self._selector.get_map() is None:
            return
        while stderr in [key.fileobj for key in self._selector.get_map().values()] and time.monotonic() < until:
            for key, _ in self._selector.select(max(0.0, until - time.monotonic())):
                piece = self._piece(key.fileobj)
                if key.fileobj is stderr and piece is not None:
                    self._tail = (self._tail + piece)[-_TAIL:]
                if piece == b"":
                    self._selector.unregister(key.fileobj)

    def _more(self, so_far: str, drop: bool = False) -> bool:
        """Wait for output of either kind; False once stdout has ended."""
        stdout = self._process.stdout
        while True:
            wait = self._refuse_late(so_far)
            events = self._selector.select(min(wait, 0.5))
            for key, _ in events:
                piece = self._piece(key.fileobj)
                if piece is None:
                    continue
                if not piece:
                    self._selector.unregister(key.fileobj)
                elif key.fileobj is stdout:
                    if not drop:
                        self._left += piece
                    self._heard = time.monotonic()
                    return True
                else:
                    self._tail = (self._tail + piece)[-_TAIL:]
                    self._heard = time.monotonic()
            if not any(key.fileobj is stdout for key in self._selector.get_map().values()):
                return False

    @staticmethod
    def _piece(stream: Any) -> bytes | None:
        try:
            return os.read(stream.fileno(), _PIECE)
        except BlockingIOError:
            return None

    def _refuse_late(self, so_far: str) -> float:
        """Say how long may still be waited."""
        now = time.monotonic()
        if self._timeout is not None:
            left, limit = self._began + self._timeout - now, f"end within {self._timeout:g} s"
        else:
            heard = getattr(self, "_heard", self._began)
            left, limit = heard + QUIET_SECONDS - now, f"write something every {QUIET_SECONDS:g} s"
        if left <= 0:
            raise SamplerTimeout(
                f"{self.name} must {limit}",
                received=f"{so_far}{self.last_words()}",
                remedy="Allow more time with timeout=, or ask for fewer samples. It was stopped.",
            )
        return left

    def _end(self) -> None:
        """Stop the program and everything that it started: kindly, then for certain."""
        for kind, grace in ((signal.SIGTERM, _GRACE), (signal.SIGKILL, None)):
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, kind)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(grace)
                if kind == signal.SIGTERM and not _lives(self._process.pid):
                    return


def _lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _told(status: int) -> str:
    if status >= 0:
        return f"exit status {status}"
    try:
        return f"signal {signal.Signals(-status).name}"
    except ValueError:
        return f"signal {-status}"
