"""The page on images says what is true: its example prints what it shows, its limits are those of the code."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from gandiag.samplers import _images, _members_of_zip, _pictures, _process
from gandiag.samplers._images import ENDINGS

PAGE = (Path(__file__).parents[2] / "docs" / "images.md").read_text()


def test_the_example_prints_what_the_page_shows(tmp_path: Path) -> None:
    code = re.search(r"```python\n(.*?)```\n\n```text\n(.*?)```", PAGE, flags=re.DOTALL)
    assert code is not None
    done = subprocess.run([sys.executable, "-c", code[1]], capture_output=True, text=True, cwd=tmp_path, check=True)
    assert done.stdout == code[2]


def test_endings_and_limits_are_those_of_the_code() -> None:
    listed = re.search(r"endings `([^`]+)`", PAGE)
    assert listed is not None
    assert set(listed[1].split()) == ENDINGS
    assert (_images.MOST_PIXELS, _images.MOST_FILE_BYTES) == (64 * 2**20, 512 * 2**20)
    assert (_members_of_zip.MOST_SWELLING, _pictures.EAGER_BYTES, _pictures.MOST_BAD) == (200, 2**30, 1 / 1000)
    assert _process.QUIET_SECONDS == 600
