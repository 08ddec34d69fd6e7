"""``import gandiag``, ``gandiag --help`` and ``gandiag list`` load nothing heavy, and answer at once."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

HEAVY = ("torch", "sklearn", "ot", "matplotlib", "jinja2", "PIL")
LISTS = ("metrics", "samplers", "features", "plots", "diagnoses", "datasets", "pathologies")

RUN = """
import sys
sys.argv = ["gandiag", *{argv!r}]
import gandiag
{body}
print("LOADED", *sorted(m for m in {heavy!r} if m in sys.modules))
"""
CALL = """
from gandiag.cli import main
try:
    main()
except SystemExit as stop:
    assert not stop.code, stop.code
"""


def loaded_after(argv: list[str], body: str) -> list[str]:
    code = RUN.format(argv=argv, body=body, heavy=HEAVY)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.rstrip().rpartition("LOADED")[2].split()


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert loaded_after([], "") == []


def test_help_loads_nothing_heavy() -> None:
    assert loaded_after(["--help"], CALL) == []


@pytest.mark.parametrize("kind", LISTS)
def test_a_list_loads_nothing_heavy(kind: str) -> None:
    assert loaded_after(["list", kind], CALL) == []


def test_the_check_sees_a_heavy_import() -> None:
    assert loaded_after([], "import sklearn") == ["sklearn"]


@pytest.mark.speed
def test_help_answers_within_four_tenths_of_a_second() -> None:
    def seconds() -> float:
        start = time.perf_counter()
        subprocess.run([sys.executable, "-m", "gandiag", "--help"], capture_output=True, check=True)
        return time.perf_counter() - start

    assert min(seconds() for _ in range(5)) < 0.4
