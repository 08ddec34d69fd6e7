"""The store of calibration records, the tables made of it, and the page that shows them."""

from __future__ import annotations

import json
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from gandiag.calibration.page import as_text, level_rows, power_rows, with_tables
from gandiag.calibration.records import Record, _code_of, add_records, digest_of, is_stale, read_records
from gandiag.core.specs import METRICS
from gandiag.errors import ConfigError, FileFormatError

ROOT = Path(__file__).parents[2]
STORE = ROOT / "docs" / "calibration.json"


def record(metric: str = "energy", law: str = "normal", **more: Any) -> Record:
    fields: dict[str, Any] = {
        "n": 100,
        "m": 100,
        "fit": 100,
        "permutations": 99,
        "seed": 0,
        "repetitions": 2000,
        "rates": {"0.05": 0.048, "0.01": 0.009},
        "limits": {"0.05": 0.07, "0.01": 0.0195},
        "kept": True,
        "uniformity": {"excess_p": 0.5, "shortfall_p": 0.5, "valid": True},
        "control": {"samples": 5, "rate": 0.2, "limit": 0.1, "rejected": True, "uncounted_rejected": True},
        "first": None,
        "versions": {"numpy": "2"},
        "digest": "0",
    }
    return Record(metric=metric, law=law, **fields | more)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    assert read_records(path) == []
    power = {"scale": (0.1, 0.5, 1.0)}
    add_records(path, [record(power=power, power_repetitions=100), record(law="ties")])
    assert read_records(path) == [record(power=power, power_repetitions=100), record(law="ties")]
    assert json.loads(path.read_text())["schema_version"] == 1


def test_a_record_takes_the_place_of_its_own_metric_and_law_only(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    add_records(path, [record("mmd"), record(), record(law="ties")])
    add_records(path, [record(kept=False)])
    found = {(r.metric, r.law): r.kept for r in read_records(path)}
    assert found == {("energy", "normal"): False, ("energy", "ties"): True, ("mmd", "normal"): True}
    assert [p.name for p in tmp_path.iterdir()] == ["c.json"]


def test_power_outlives_a_run_without_it_while_the_source_is_the_same(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    add_records(path, [record(power={"scale": (0.1, 0.2, 0.3)}, power_repetitions=100)])
    add_records(path, [record(seed=1)])
    assert read_records(path)[0].power == {"scale": (0.1, 0.2, 0.3)}
    add_records(path, [record(digest="1")])
    assert read_records(path)[0].power is None


def _add_many(job: tuple[str, int]) -> None:
    path, who = job
    for i in range(10):
        add_records(Path(path), [record(f"metric_{who}_{i}")])


@pytest.mark.timeout(120)
def test_two_processes_lose_none_of_each_others_records(tmp_path: Path) -> None:
    pytest.importorskip("fcntl")
    path = tmp_path / "c.json"
    with ProcessPoolExecutor(2, mp_context=get_context("fork")) as pool:
        list(pool.map(_add_many, [(str(path), 0), (str(path), 1)]))
    assert len(read_records(path)) == 20


@pytest.mark.parametrize("text", ["", "[]", '{"schema_version": 2, "records": []}', '{"schema_version": 1}'])
def test_a_file_that_is_no_store_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "c.json"
    path.write_text(text)
    with pytest.raises(FileFormatError, match="must hold calibration records of schema version 1"):
        add_records(path, [record()])
    assert path.read_text() == text


def test_a_folder_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="a folder that exists"):
        add_records(tmp_path / "no" / "c.json", [record()])


def test_a_record_is_stale_once_the_source_has_changed() -> None:
    assert not is_stale(record(digest=digest_of(METRICS.get("energy"))))
    assert is_stale(record(digest="0"))
    assert is_stale(record("no_such_metric"))


MODULE = '''"""Words."""
X = 3  # why
METRIC = MetricSpec(
    name="a",
    summary="b"
    "c",
    most_rows=10,
)
'''


def test_new_words_do_not_change_the_digest_of_code_and_new_code_does() -> None:
    code = _code_of(MODULE)
    assert code == "X = 3 METRIC = MetricSpec( most_rows=10, )"
    assert _code_of(MODULE.replace("Words", "Other\nwords").replace("why", "so").replace('"c"', '"d"')) == code
    assert _code_of(MODULE.replace("10", "11")) != code
    assert _code_of(MODULE.replace("X = 3", "X = 4")) != code


def test_a_record_is_good_only_with_a_kept_level_and_rejected_controls() -> None:
    control = record().control
    assert record().good
    assert not record(kept=False).good
    assert not record(control=control | {"rejected": False}).good
    assert not record(control=control | {"uncounted_rejected": False}).good
    # A test that never rejects cannot be made to reject too often by choosing among its p-values.
    assert record(control=control | {"rejected": False, "uncounted_rejected": None}, rates={"0.05": 0.0}).good


def test_tables_say_what_is_wrong() -> None:
    control = record().control
    rows = level_rows(
        [
            record(),
            record(kept=False),
            record(control=control | {"rejected": False}),
            record(rates={"0.05": 0.0, "0.01": 0.0}, control=control | {"rejected": False}),
            record(first={"repetitions": 500, "rates": {}}),
        ]
    )
    assert len({len(row) for row in rows}) == 1
    assert [row[8] for row in rows[1:5]] == ["uniform", "TOO HIGH", "uniform", "never small"]
    assert [row[9] for row in rows[1:5]] == [
        "best of 5 rejected",
        "best of 5 rejected",
        "NOT REJECTED",
        "not possible: conservative",
    ]
    assert rows[5][3] == "2000 (second look)"
    power = {"scale": (0.1, 0.5, 1.0), "mean_shift": (1.0, 0.5, 1.0)}
    head, body = power_rows([record(), record(power=power, falls={"mean_shift": 6.0})])
    assert body[head.index("scale")] == "10 50 100"
    assert body[head.index("mean shift")] == "100 50 100↓"
    assert body[head.index("heavy tail")] == "–"
    assert all(len(line) > 20 for line in as_text(rows).splitlines())


def test_tables_go_between_the_marks_of_a_page() -> None:
    page = "a\n<!-- begin: written by gandiag calibrate -->\nold\n<!-- end: written by gandiag calibrate -->\nz\n"
    new = with_tables(page, [record()])
    assert new.startswith("a\n")
    assert new.endswith("\nz\n")
    assert "old" not in new
    assert "| `energy` | normal, 2-d | 100 | 2000 | 0.0480 |" in new
    assert with_tables(new, [record()]) == new
    with pytest.raises(ConfigError, match="must have the marks"):
        with_tables("no marks", [record()])


def test_the_page_is_fresh() -> None:
    """``gandiag calibrate --markdown docs/calibration.json --page docs/calibration.md`` makes it so."""
    page = (ROOT / "docs" / "calibration.md").read_text()
    assert page == with_tables(page, read_records(STORE))


def test_the_check_sees_a_page_that_is_not_fresh() -> None:
    page = (ROOT / "docs" / "calibration.md").read_text()
    changed = [replace(r, rates=r.rates | {"0.05": 0.5}) for r in read_records(STORE)]
    assert page != with_tables(page, changed)


def test_every_published_record_kept_its_level_and_rejected_its_controls() -> None:
    assert [(r.metric, r.law) for r in read_records(STORE) if not r.good] == []
