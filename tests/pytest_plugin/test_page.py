"""The example of the page on pytest runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]
PAGE = Path(__file__).parents[2] / "docs" / "pytest.md"


def test_the_example_passes(pytester: pytest.Pytester) -> None:
    code = re.search(r"```python\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)
    assert code is not None
    pytester.makepyfile(test_page=code[1])
    result = pytester.runpytest_subprocess("-p", "gandiag.pytest_plugin", "-p", "no:cacheprovider", "--strict-markers")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["pass *test_page.py::test_the_generator: toy:ring8, alpha 0.01: 1 of 1 conditions*"])
