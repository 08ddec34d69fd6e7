"""report.json: strict, the same bytes for equal reports, whole or not at all, and refused when it was tampered with."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))

from synthetic import make_report

from gandiag.core.report import Diagnosis, Evidence, FakeReport, RealSource, Report
from gandiag.core.results import OPTIONAL_FIELDS, Floor, Interval, PValue, Result
from gandiag.errors import (
    ConfigError,
    DtypeError,
    FileFormatError,
    IntegrityError,
    NumericalError,
    ReportNotWritten,
)
from gandiag.report.json import read_json, to_json, write_json


def same(a: Any, b: Any) -> bool:
    """Compare two reports field by field, arrays bit by bit, lists and tuples alike."""
    if is_dataclass(a):
        return type(a) is type(b) and all(same(getattr(a, f.name), getattr(b, f.name)) for f in fields(a))
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if isinstance(a, dict):
        return set(a) == set(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    return bool(a == b)


@pytest.fixture
def written(tmp_path: Path) -> Path:
    path = tmp_path / "report.json"
    write_json(make_report(), path)
    return path


def edited(path: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    document = json.loads(path.read_text(encoding="utf-8"))
    change(document)
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def test_a_report_comes_back_as_it_was(written: Path) -> None:
    assert same(read_json(written), make_report())
    other = make_report()
    assert not same(replace(other, seed=8), make_report())
    other.arrays["0/mmd/null"][0] += 1e-16 + 1e-9
    assert not same(other, make_report())


def test_equal_reports_give_equal_bytes(written: Path, tmp_path: Path) -> None:
    again = tmp_path / "again" / "report.json"
    again.parent.mkdir()
    report = make_report()
    shuffled = dict(reversed(report.arrays.items()))
    provenance = dict(reversed(report.provenance.items()))
    write_json(replace(report, arrays=shuffled, provenance=provenance), again)
    for name in ("report.json", "report.safetensors"):
        assert (again.parent / name).read_bytes() == (written.parent / name).read_bytes()
    write_json(replace(report, seed=8), again)
    assert again.read_bytes() != written.read_bytes()


def test_the_layout_is_that_of_schema_version_1(written: Path) -> None:
    document = json.loads(written.read_bytes(), parse_constant=lambda name: pytest.fail(name))
    assert list(document) == ["schema_version", "gandiag_version", "seed", "real", "fakes", "provenance", "arrays"]
    assert document["schema_version"] == 1
    assert {"source", "kind", "n", "dim", "features"} <= set(document["real"])
    fake = document["fakes"][0]
    assert {"name", "source", "n", "results", "diagnoses"} <= set(fake)
    assert {"code", "severity", "sentence", "evidence"} <= set(fake["diagnoses"][0])
    result = next(r for r in fake["results"] if r["metric"] == "recall")
    assert set(result) == {f.name for f in fields(Result)} - {"arrays"}
    assert set(result["floor"]) == {"mean", "sd", "source"}
    assert {"value", "calibration", "draws", "adjusted", "least"} == set(result["p_value"])
    absent = next(r for r in fake["results"] if r["metric"] == "wasserstein")
    assert absent["estimate"] is None
    assert "NotConverged" in absent["reasons"]["estimate"]
    assert document["arrays"]["file"] == "report.safetensors"


def test_no_machine_path_is_written(written: Path) -> None:
    text = written.read_text(encoding="utf-8")
    assert str(written.parent) not in text
    assert str(Path.home()) not in text or str(Path.home()) == "/"


def test_only_the_two_files_are_left_with_ordinary_permissions(written: Path) -> None:
    assert sorted(p.name for p in written.parent.iterdir()) == ["report.json", "report.safetensors"]
    umask = os.umask(0)
    os.umask(umask)
    if os.name == "posix":
        assert written.stat().st_mode & 0o777 == 0o666 & ~umask


def test_a_write_that_fails_leaves_the_old_file(written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = written.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ConfigError, match="No space left"):
        write_json(replace(make_report(), seed=9), written)
    assert written.read_bytes() == before
    assert sorted(p.name for p in written.parent.iterdir()) == ["report.json", "report.safetensors"]


def test_a_missing_folder_and_a_wrong_suffix_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="a folder that exists"):
        write_json(make_report(with_arrays=False), tmp_path / "nowhere" / "report.json")
    with pytest.raises(ConfigError, match="must not be called"):
        write_json(make_report(), tmp_path / "report.safetensors")


def test_a_report_without_its_arrays_says_so(written: Path) -> None:
    written.with_suffix(".safetensors").unlink()
    report = read_json(written)
    assert not report.arrays
    assert report.real.notes[-1].startswith("the arrays file report.safetensors is missing")
    assert same(report.fakes, make_report().fakes)


def test_arrays_that_were_changed_are_refused(written: Path) -> None:
    sibling = written.with_suffix(".safetensors")
    data = bytearray(sibling.read_bytes())
    data[-1] ^= 1
    sibling.write_bytes(data)
    with pytest.raises(IntegrityError, match="another SHA-256"):
        read_json(written)


def rename_arrays(document: dict[str, Any], name: str) -> None:
    document["arrays"]["file"] = name


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda d: d.update(schema_version=2), "schema version 1; got 2"),
        (lambda d: d.update(schema_version=True), "schema version 1"),
        (lambda d: d.pop("schema_version"), "no version"),
        (lambda d: d.update(extra=1), "no other entries.*extra"),
        (lambda d: d.update(seed="7"), "must follow the schema.*seed"),
        (lambda d: d["real"].update(n=1.5), "must follow the schema"),
        (lambda d: d["fakes"][0]["results"][0].update(estimate="0.1"), "must follow the schema"),
        (lambda d: d["fakes"][0]["results"][0].update(estimate=None), "an absent `estimate` must have a reason"),
        (lambda d: d["fakes"][0]["results"][0].update(status="fine"), "must follow the schema"),
        (lambda d: d["fakes"][0]["diagnoses"][0].update(severity="<b>"), "must follow the schema"),
        (lambda d: d["fakes"][0].pop("name"), "must follow the schema.*name"),
        (lambda d: d["fakes"][0]["results"][0].update(arrays={"a": 1}), "must follow the schema"),
        (lambda d: d.update(arrays=7), "without file, keys and sha256"),
        (lambda d: rename_arrays(d, "../report.safetensors"), "not a plain file name"),
        (lambda d: rename_arrays(d, "/etc/passwd"), "not a plain file name"),
        (lambda d: d["arrays"].update(keys=["other"]), "keys. other than"),
    ],
)
def test_a_document_that_breaks_the_schema_is_refused(
    written: Path, change: Callable[[dict[str, Any]], object], match: str
) -> None:
    with pytest.raises(IntegrityError, match=match):
        read_json(edited(written, change))


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[]", b"null", b'{"schema_version": 1, "seed": NaN}', b"\xff\xfe", b"[" * 100_000]
)
def test_what_is_not_a_report_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "report.json"
    path.write_bytes(data)
    with pytest.raises(IntegrityError, match=r"must be strict JSON|must have schema version 1"):
        read_json(path)


def test_a_number_too_large_to_be_finite_is_refused(written: Path) -> None:
    text = written.read_text(encoding="utf-8").replace('"seed": 7', '"seed": 1e999', 1)
    written.write_text(text, encoding="utf-8")
    with pytest.raises(IntegrityError, match="out of range"):
        read_json(written)


def test_a_missing_report_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match="No such file"):
        read_json(tmp_path / "report.json")


def test_numbers_that_are_not_finite_are_never_written(tmp_path: Path) -> None:
    report = make_report(with_arrays=False)
    for bad in (float("nan"), np.float32("inf")):
        with pytest.raises(NumericalError, match=r"provenance.x.* must be finite"):
            to_json(replace(report, provenance={"x": [bad]}))
    with pytest.raises(NumericalError, match="array `a` must be finite"):
        write_json(replace(report, arrays={"a": np.array([1.0, np.nan])}), tmp_path / "report.json")
    assert not list(tmp_path.iterdir())


def test_what_json_cannot_hold_is_named(tmp_path: Path) -> None:
    report = make_report(with_arrays=False)
    with pytest.raises(DtypeError, match=r"provenance.x.*ndarray"):
        to_json(replace(report, provenance={"x": np.zeros(3)}))
    with pytest.raises(DtypeError, match="text keys"):
        to_json(replace(report, provenance={"x": {1: 2}}))
    with pytest.raises(DtypeError, match="real numbers"):
        write_json(replace(report, arrays={"a": np.array(["text"])}), tmp_path / "report.json")


def test_numpy_scalars_and_odd_arrays_are_written(tmp_path: Path) -> None:
    arrays: dict[str, Any] = {
        "scalar": np.array(2.5), "empty": np.empty((0, 3)), "strided": np.arange(12.0).reshape(3, 4).T,
        "big endian": np.arange(3, dtype=">f8"), "bool": np.array([True, False]), "half": np.ones(2, dtype=np.float16),
    }  # fmt: skip
    report = replace(make_report(), arrays=arrays, provenance={"x": np.float64(0.5), "y": np.int64(3)})
    write_json(report, tmp_path / "r.json")
    back = read_json(tmp_path / "r.json")
    assert back.provenance == {"x": 0.5, "y": 3}
    for key, array in arrays.items():
        assert np.array_equal(back.arrays[key], array)
        assert back.arrays[key].shape == array.shape


def test_a_file_name_that_is_not_utf8_does_not_stop_the_report(tmp_path: Path) -> None:
    report = replace(make_report(with_arrays=False), provenance={"file": "a\udc80b"})
    assert json.loads(to_json(report))["provenance"]["file"] == r"a\udc80b"
    write_json(report, tmp_path / "r.json")
    assert read_json(tmp_path / "r.json").provenance == {"file": r"a\udc80b"}


def test_arrays_of_somebody_else_are_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "data.safetensors").write_bytes(b"precious")
    with pytest.raises(ConfigError, match="another file of that name"):
        write_json(make_report(), tmp_path / "data.json")
    assert (tmp_path / "data.safetensors").read_bytes() == b"precious"


def test_a_report_whose_text_cannot_be_written_keeps_its_old_arrays(
    written: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def full_at_second(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) == 2:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_at_second)
    report = make_report()
    changed = {key: array + 1 for key, array in report.arrays.items() if array.dtype.kind == "f"}
    with pytest.raises(ReportNotWritten, match="No space left") as caught:
        write_json(replace(report, arrays=dict(report.arrays) | changed), written)
    assert caught.value.exit_code == 3
    assert read_json(written).arrays


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_or_device_is_no_place_for_a_report(tmp_path: Path) -> None:
    # A named pipe stands for /dev/null, which code that fails this test would replace by a file.
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigError, match="a file in a folder"):
        write_json(make_report(with_arrays=False), tmp_path / "pipe")
    assert (tmp_path / "pipe").is_fifo()


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
numbers = st.floats(allow_nan=False, allow_infinity=False)
plain = st.recursive(
    st.none() | st.booleans() | st.integers() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
shares = st.floats(min_value=0.0, max_value=1.0)
results = st.builds(
    Result,
    metric=texts,
    estimate=st.none() | numbers,
    kind=st.sampled_from(["estimate", "lower_bound", "upper_bound", "index"]),
    direction=st.sampled_from(["lower", "higher", "target"]),
    unit=texts,
    floor=st.none() | st.builds(Floor, mean=numbers, sd=numbers, source=texts),
    excess=st.none() | numbers,
    z=st.none() | numbers,
    p_value=st.none()
    | st.builds(PValue, value=shares, calibration=texts, draws=st.none() | st.integers(), adjusted=st.none() | shares),
    interval=st.none()
    | st.builds(Interval, low=st.none() | numbers, high=st.none() | numbers, level=numbers, method=texts),
    reasons=st.just(dict.fromkeys(OPTIONAL_FIELDS, "why")),
    options=st.dictionaries(texts, plain, max_size=2),
    seed=st.integers(min_value=0),
    status=st.sampled_from(["ok", "degraded", "undefined", "failed"]),
    warnings=st.lists(texts, max_size=2).map(tuple),
    details=st.dictionaries(texts, plain, max_size=3),
)
evidence = st.builds(Evidence, metric=texts, says=texts, value=st.none() | numbers)
severities = st.sampled_from(["none", "minor", "major", "critical"])
findings = st.builds(
    Diagnosis, code=texts, severity=severities, sentence=texts, evidence=st.lists(evidence, max_size=2).map(tuple),
    explains=st.lists(st.builds(Diagnosis, code=texts, severity=severities, sentence=texts), max_size=1).map(tuple),
)  # fmt: skip
fakes = st.builds(
    FakeReport, name=texts, source=texts, n=st.integers(0), results=st.lists(results, max_size=2).map(tuple),
    diagnoses=st.lists(findings, max_size=2).map(tuple), notes=st.lists(texts, max_size=2).map(tuple),
)  # fmt: skip
reports = st.builds(
    Report,
    gandiag_version=texts,
    seed=st.integers(0, 2**200),
    real=st.builds(
        RealSource, source=texts, kind=texts, n=st.integers(0), n_fit=st.integers(0), dim=st.integers(0), features=texts
    ),
    fakes=st.lists(fakes, min_size=1, max_size=2).map(tuple),
    provenance=st.dictionaries(texts, plain, max_size=3),
    arrays=st.dictionaries(texts.filter(bool), st.lists(numbers, max_size=4).map(np.array), max_size=2),
)


@given(report=reports)
def test_any_report_comes_back_as_it_was(tmp_path_factory: pytest.TempPathFactory, report: Report) -> None:
    path = tmp_path_factory.mktemp("any") / "report.json"
    write_json(report, path)
    back = read_json(path)
    assert same(back, report)
    assert to_json(back) == to_json(report)
