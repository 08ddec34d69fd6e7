"""Pillow images that code hands over, as rows: by the rules that files follow, with a count of what was done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gandiag.errors import ShapeError
from gandiag.samplers._images import by_rule, quiet
from gandiag.samplers._items import is_picture
from gandiag.samplers._receive import refuse_mixed_sizes
from gandiag.samplers._settings import Settings

USES = ("alpha", "frames", "orientation")


class PictureRows:
    """Turns Pillow images into pixels and remembers what it did.

    Parameters
    ----------
    settings : Settings
    name : str
        Of the source.
    """

    def __init__(self, settings: Settings, *, name: str) -> None:
        self._settings, self._name = settings, name
        self._words = Counter[str]()
        self._grey = 0

    @property
    def settings(self) -> Settings:
        """The settings, with the layout that pictures have where there were any."""
        return replace(self._settings, layout="channels_last") if self._words else self._settings

    @property
    def notes(self) -> tuple[str, ...]:
        """Everything that was done, with counts."""
        notes = [f"{count} images {word}" for word, count in sorted(self._words.items()) if word]
        if self._grey:
            notes.append(f"{self._grey} grey images were repeated to RGB, as the others are")
        return tuple(notes)

    def pixels(self, picture: Any, where: str) -> Any:
        """Turn one image into pixels; anything else passes."""
        if not is_picture(picture):
            return picture
        with quiet():
            pixels, header = by_rule(picture, name=f"{where} of {self._name}", settings=self._settings)
        self._words.update(header.words or ("",))
        return pixels

    def stacked(self, pictures: Sequence[Any], where: str) -> NDArray[Any]:
        """Turn images into one block, shape (n, h, w) or (n, h, w, 3)."""
        rows = [self.pixels(picture, f"image {at} of {where}") for at, picture in enumerate(pictures)]
        block: NDArray[Any] = self.alike(rows)
        return block

    def alike(self, rows: list[Any]) -> Any:
        """Bring rows of pixels to one number of channels; refuse several sizes and depths. Other rows pass."""
        if not self._words:
            return rows
        refuse_mixed_sizes([row.shape[:2] for row in rows], name=self._name)
        depths = Counter(str(row.dtype) for row in rows)
        if len(depths) > 1:
            raise ShapeError(
                f"all images of {self._name} must have one depth",
                received=", ".join(f"{c} of {d}" for d, c in depths.most_common()),
                remedy="Convert them alike.",
            )
        grey = sum(row.ndim == 2 for row in rows)
        if 0 < grey < len(rows):
            self._grey += grey
            rows = [np.stack([row] * 3, axis=-1) if row.ndim == 2 else row for row in rows]
        return np.stack(rows)
