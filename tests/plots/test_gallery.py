"""The gallery shows every figure, its code runs as it stands, and its pictures are what the code makes."""

from __future__ import annotations

import importlib.util
import io
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from gandiag.core.specs import PLOTS
from gandiag.monitor.figure import RUN_FIGURES

PAGE = Path(__file__).parents[2] / "docs" / "gallery.md"
QUICK = "ring"  # the part that the default run executes
OF_THEIR_OWN = (
    "training",
    "plane",
    "reference",
)  # speeds, and numbers in which rounding grows: these pictures are made, not compared
MOST_BYTES, MOST_BYTES_OF_ALL = 60_000, 1_500_000
# Mean difference of grey levels, of 255, that another machine's rounding may make; another figure differs by far more.
CLOSE = 3.0


def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_gallery", PAGE.with_name("make_gallery.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


make_gallery = script()


def levels(picture: bytes | Path) -> np.ndarray[Any, Any]:
    from PIL import Image

    with Image.open(io.BytesIO(picture) if isinstance(picture, bytes) else picture) as image:
        return np.asarray(image.convert("L"), dtype=np.float64)


def strays(kept: Path, made: bytes) -> bool:
    """Tell whether the picture that the page shows is not the one that its code makes."""
    shown, drawn = levels(kept), levels(made)
    return shown.shape != drawn.shape or float(np.abs(shown - drawn).mean()) > CLOSE


def test_every_figure_has_a_section_with_its_code_and_its_picture() -> None:
    text = PAGE.read_text()
    sections = re.findall(r"^### `(\w+)`\n(.*?)(?=^##|\Z)", text, flags=re.MULTILINE | re.DOTALL)
    assert {*PLOTS.names(), *RUN_FIGURES.names(), "training"} <= {name for name, _ in sections}
    assert len(sections) == len({name for name, _ in sections})
    for name, body in sections:
        assert f"({PAGE.stem}/{name}.png)" in body, name
        assert re.search(rf"```python\n(?:.*\n)*?.*{name}\.png", body), name
        assert len(re.findall(r"!\[([^\]]+)\]", body)[0]) > 30, name


def test_pictures_are_small_and_all_are_shown() -> None:
    kept = {path.name: path.stat().st_size for path in PAGE.with_suffix("").iterdir()}
    assert set(kept) == {Path(link).name for link in re.findall(r"\((gallery/[^)]+)\)", PAGE.read_text())}
    assert max(kept.values()) < MOST_BYTES
    assert sum(kept.values()) < MOST_BYTES_OF_ALL


def test_blocks_are_read_with_their_part_and_their_section() -> None:
    first = "## Part: `one`\n\n```python\na = 1\n\nb = 2\n```\n\n### `x`\n\n```python\nc\n```\n"
    text = f"{first}\n## Other: `two`\n\n```python\nd\n```\n"
    assert make_gallery.blocks(text) == [("one", "", "a = 1\n\nb = 2\n"), ("one", "x", "c\n"), ("two", "", "d\n")]


@pytest.mark.parametrize(
    "part", [part if part == QUICK else pytest.param(part, marks=pytest.mark.slow) for part in make_gallery.parts()]
)
def test_the_code_of_a_part_makes_its_pictures(part: str) -> None:
    made = dict(make_gallery.make(part))
    assert set(made) == {f"{block.section}.png" for block in make_gallery.blocks() if block.part == part} - {".png"}
    far = [name for name, data in made.items() if strays(PAGE.with_suffix("") / name, data)]
    assert part in OF_THEIR_OWN or far == []


def test_a_picture_of_something_else_is_found(tmp_path: Path) -> None:
    figure = Figure(figsize=(3.4, 2.4))
    figure.subplots().plot([0, 1, 0])
    figure.savefig(tmp_path / "other.png", dpi=300)
    assert strays(PAGE.with_suffix("") / "null_distribution.png", make_gallery.small(tmp_path / "other.png"))
