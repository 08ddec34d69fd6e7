"""The place of labelled images of the user's own: an ``.npz`` with ``x_train``, ``y_train``, ``x_test`` and ``y_test``.

Images are bytes of shape (n, h, w). Models are trained on ``x_train`` and judged against ``x_test``, as the bundled
digits are. A translation is learnt between the first half of ``x_train`` and the other half inverted, and judged by the
true map on ``x_test``, of which it has seen nothing. Bars are measured before the first model is trained, and kept.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gandiag.core.files import replace_file
from gandiag.errors import ConfigError, DataError, ShapeError
from reference_models.acceptance.bars import Bar, Judge, failed, measured_bars
from reference_models.acceptance.images import LabelledImages
from reference_models.acceptance.translations import Translation
from reference_models.oracles.translation import Domains

KEYS = ("x_train", "y_train", "x_test", "y_test")
TOP = 255.0
# Test images are thousands where the bundled digits are hundreds: fewer halves say as much, in bearable time.
_SPLITS, _TOLD_ON, _TIMES = 3, 1000, 20
# Images that are translated, and images that the classifier of translations is trained on.
_TRANSLATED, _READ = 5000, 20000

Bytes = NDArray[np.uint8]


def as_npy(images: Bytes) -> bytes:
    """Write images as the bytes of an .npy file."""
    out = io.BytesIO()
    np.save(out, images)
    return out.getvalue()


@dataclass(frozen=True)
class OwnImages:
    """Labelled images of the user's own, what is trained on them, and their judges.

    Parameters
    ----------
    path : Path
        The archive.
    """

    path: Path

    def place(self, domains: int) -> str:
        """Name the place, for models of one domain or of two."""
        return self.path.stem if domains == 1 else f"{self.path.stem}, inverted"

    @cached_property
    def parts(self) -> dict[str, NDArray[Any]]:
        """The four arrays.

        Raises
        ------
        ConfigError
            When one is absent.
        ShapeError
            When the images are no bytes of shape (n, h, w), or their classes do not fit.
        """
        with np.load(self.path, allow_pickle=False) as archive:
            absent = [key for key in KEYS if key not in archive]
            if absent:
                raise ConfigError(
                    f"{self.path.name} must hold {', '.join(KEYS)}",
                    received=f"no {', '.join(absent)}",
                    remedy="Write it with np.savez_compressed(path, x_train=..., y_train=..., x_test=..., y_test=...).",
                )
            found = {key: archive[key] for key in KEYS}
        for part in ("train", "test"):
            x, y = found[f"x_{part}"], found[f"y_{part}"]
            if x.dtype != np.uint8 or x.ndim != 3 or y.shape != (len(x),):
                raise ShapeError(
                    f"x_{part} of {self.path.name} must be bytes of shape (n, h, w), with n classes in y_{part}",
                    received=f"{x.dtype} of shape {x.shape}, and classes of shape {y.shape}",
                    remedy="Convert them first.",
                )
        return found

    def sources(self, domains: int, out: Path) -> list[str]:
        """Write what a model of one or two domains is trained on to ``out``, where it is not there, and name it."""
        x: Bytes = self.parts["x_train"]
        half = len(x) // 2
        sides = {"x": x} if domains == 1 else {"a": x[:half], "b": 255 - x[half:]}
        files = {out / f"{self.path.stem}-{side}.npy": images for side, images in sides.items()}
        out.mkdir(parents=True, exist_ok=True)
        for file, images in files.items():
            if not file.exists():
                replace_file(file, as_npy(images))
        return [str(file) for file in files]

    def judge(self, domains: int) -> Judge:
        """Make the judge of models of one domain, or of two."""
        return self._translation if domains == 2 else self._images

    @cached_property
    def _images(self) -> Judge:
        train, test = ((self.parts[f"x_{part}"], self.parts[f"y_{part}"]) for part in ("train", "test"))
        return LabelledImages(train, test, top=TOP, splits=_SPLITS, told_on=_TOLD_ON)

    @cached_property
    def _translation(self) -> Judge:
        x, y = self.parts["x_train"], self.parts["y_train"]
        half = len(x) // 2
        ones, real = slice(0, min(_TRANSLATED, half)), slice(half, half + _READ)
        return Translation(
            Domains(
                ones=(x[ones].astype(np.float64), y[ones]),
                others=(self.parts["x_test"][:_TRANSLATED].astype(np.float64), self.parts["y_test"][:_TRANSLATED]),
                real=(TOP - x[real], y[real]),
                true=lambda images: TOP - images,
                top=TOP,
            )
        )

    def _require_clear(self, found: dict[str, Any]) -> None:
        """Refuse bars that fresh real samples miss, or that something clears that must fail."""
        bars = [Bar(**bar) for bar in found["bars"]]
        missed = failed(bars, {key: value["mean"] for key, value in found["floor"].items()})
        passing = [name for name, entry in found["must_fail"].items() if not entry["fails"]]
        if missed or passing:
            raise DataError(
                f"{self.path.name} must hold images by which real samples can be told from wrong ones",
                received=f"real samples miss: {', '.join(missed) or 'nothing'}; "
                f"what must fail and passes: {', '.join(passing) or 'nothing'}",
                remedy="Give more images per class.",
            )

    def bars(self, domains: int, out: Path) -> dict[str, Any]:
        """Measure the bars of the place, or read those that were measured before."""
        store, place = out / "bars.json", self.place(domains)
        kept: dict[str, Any] = json.loads(store.read_text()) if store.exists() else {}
        if place not in kept:
            kept[place] = found = measured_bars(self.judge(domains), times=_TIMES)
            self._require_clear(found)
            out.mkdir(parents=True, exist_ok=True)
            replace_file(store, json.dumps(kept, indent=1, sort_keys=True).encode() + b"\n")
        return dict(kept[place])
