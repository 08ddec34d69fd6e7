"""The page about watching a training: its loop runs, and its table is what the alarms say of themselves."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from gandiag.monitor import ALARMS, read_history

PAGE = Path(__file__).parents[2] / "docs" / "watch-your-training.md"


@pytest.mark.parametrize("steps", [400, pytest.param(1000, marks=pytest.mark.slow)])
def test_the_loop_of_the_page_runs_and_leaves_what_it_says(tmp_path: Path, steps: int) -> None:
    code = re.search(r"```python\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)
    assert code is not None
    lines = [line for line in code[1].splitlines() if line.strip() and "import " not in line]
    assert len(lines) <= 25
    assert "range(1000)" in code[1]
    program = code[1].replace("range(1000)", f"range({steps})")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path, check=True)
    printed = done.stdout.splitlines()
    assert int(printed[0]) in range(199, steps)
    assert printed[1].startswith("energy = ")
    history = read_history(tmp_path / "run")
    # How many looks the budget affords depends on the machine; the first comes at once.
    assert history.of("score")[0]["step"] == 199
    assert len(history.of("train")) == steps // 50
    assert history.of("event") == []
    facts = json.loads((tmp_path / "run" / "best.json").read_text())
    assert (tmp_path / "run" / facts["file"]).exists()


def test_the_table_of_alarms_is_fresh() -> None:
    text = PAGE.read_text()
    for alarm in ALARMS:
        assert f"| `{alarm.name}` | {alarm.meaning} | {alarm.false_alarms} | {alarm.wrong_when} |" in text
