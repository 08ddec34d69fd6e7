"""The page about the gate says what the code does."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from gandiag.core.specs import METRICS
from gandiag.errors import GandiagError
from gandiag.gate.policy import read_policies
from gandiag.gate.validation import require_sound

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "gate.md").read_text()

sys.path.insert(0, str(ROOT / "benchmarks"))
import _gate_page  # noqa: E402
from _gate_page import default_conditions, kinds_table, write_page  # noqa: E402


def test_the_default_conditions_are_those_of_the_page() -> None:
    assert "\n".join(default_conditions()) in PAGE


def test_the_policy_of_the_page_can_be_carried_out(tmp_path: Path) -> None:
    (tmp_path / "gandiag.toml").write_text(PAGE.split("```toml\n")[1].split("```")[0])
    (policy,) = read_policies(tmp_path / "gandiag.toml").values()
    require_sound(policy)
    assert policy.require
    with pytest.raises(GandiagError, match="no_such_map"):
        require_sound(replace(policy, features="no_such_map"))


def test_every_metric_has_a_row() -> None:
    missing = [name for name in METRICS.names() if f"\n| `{name}` | " not in PAGE]
    assert not missing


@pytest.mark.parametrize("metric", ["c2st", "collisions", "coverage", "jsd", "kid", "mmd", "mode_coverage", "overlap"])
def test_a_row_says_how_the_metric_passes(metric: str) -> None:
    assert kinds_table([metric])[-1] in PAGE


def _key(fault: str, dial: float, seed: int) -> str:
    return f"kind=caught | source=toy:grid25 | fault={fault} | dial={dial} | n=2500 | alpha=0.001 | seed={seed}"


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A page with two rows of one table, of which one is measured anew."""
    monkeypatch.setattr(_gate_page, "kinds_table", lambda names: ["the kinds"])
    page = tmp_path / "gate.md"
    page.write_text(
        "".join(f"{name}\n<!-- {name} -->\n<!-- /{name} -->\n" for name in ("measured", "default", "kinds"))
    )
    first = {"outcome": "fail", "by": ["first.p >= alpha"]}
    write_page({_key("shrink", 0.5, 0): first, _key("drop_modes", 1, 0): first}, page, {})
    later = {"outcome": "inconclusive", "by": []}
    write_page({_key("shrink", 0.5, seed): later for seed in range(2)} | {_key("blur", 12, 0): later}, page, {})
    return page


def test_what_was_not_measured_stays_on_the_page(written: Path) -> None:
    rows = [line for line in written.read_text().splitlines() if line.startswith("| `")]
    caught = [
        row.split(" | ")[:2] for row in rows if "=" in row.split(" | ")[0] and "alpha`" not in row.split(" | ")[0]
    ]
    told = {case: rate.split(":")[0] for case, rate in caught if "missing" not in case}
    assert told == {"| `blur=12`": "0 of 1", "| `drop_modes=1`": "1 of 1", "| `shrink=0.5`": "0 of 2"}
    assert list(told) == sorted(told)


def test_rows_below_another_head_are_not_kept(written: Path) -> None:
    written.write_text(written.read_text().replace("2 500 rows per side", "100 rows per side"))
    write_page({_key("blur", 12, 0): {"outcome": "fail", "by": []}}, written, {})
    assert "drop_modes" not in written.read_text()
    assert "1 of 1" in written.read_text()
