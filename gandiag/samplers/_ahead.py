"""Reading ahead: while a block is worked on, a thread reads the next one of the same length."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from numpy.typing import NDArray

Part = Callable[[int, int, bool], NDArray[Any]]


class Ahead:
    """Reads parts of something, and the part after each before it is asked for.

    What goes wrong ahead of time is forgotten: the part is read again when it is asked for, and fails then if it must.

    Parameters
    ----------
    part : callable
        ``part(start, stop, ahead)`` reads rows; ``ahead`` says that another thread does.
    size : int
        How many rows there are.
    """

    def __init__(self, part: Part, size: int) -> None:
        self._part, self._size = part, size
        self._place: tuple[int, int] | None = None
        self._thread: threading.Thread | None = None
        self._found: NDArray[Any] | None = None

    def read(self, start: int, stop: int) -> NDArray[Any]:
        """Read rows ``start`` to ``stop``."""
        rows = self._awaited((start, stop))
        if rows is None:
            rows = self._part(start, stop, False)
        if start < stop < self._size:
            self._begin(stop, min(self._size, 2 * stop - start))
        return rows

    def _awaited(self, place: tuple[int, int]) -> NDArray[Any] | None:
        if self._thread is None:
            return None
        self._thread.join()
        found, known = self._found, self._place
        self._thread = self._found = self._place = None
        if found is None or known is None or known[0] != place[0] or len(found) != place[1] - place[0]:
            return None
        return found

    def _begin(self, start: int, stop: int) -> None:
        def work() -> None:
            try:
                self._found = self._part(start, stop, True)
            except Exception:  # said when the part is asked for
                self._found = None

        self._place = (start, stop)
        self._thread = threading.Thread(target=work, name="gandiag-read-ahead")
        self._thread.start()
