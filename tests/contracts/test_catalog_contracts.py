"""What every entry of every catalog promises, whatever it is."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

import numpy as np
import pytest

from gandiag.core import specs
from gandiag.core.report import Diagnosis, FakeReport, RealSource, Report
from gandiag.core.samples import SampleSet
from gandiag.core.specs import DIAGNOSES, FEATURES, PATHOLOGIES, PLOTS, SAMPLERS

CATALOGS = ("METRICS", "SAMPLERS", "FEATURES", "DATASETS", "PATHOLOGIES", "DIAGNOSES", "PLOTS")
ENTRIES = [(name, entry) for name in CATALOGS for entry in getattr(specs, name).names()]


@pytest.mark.parametrize(("catalog", "entry"), ENTRIES)
def test_an_entry_carries_its_modules_name_and_one_line_about_itself(catalog: str, entry: str) -> None:
    spec = getattr(specs, catalog).get(entry)
    assert spec.name == entry
    assert spec.summary.strip()
    assert "\n" not in spec.summary
    assert len(spec.summary) <= 120


@pytest.mark.parametrize("catalog", CATALOGS)
def test_a_catalog_is_the_public_modules_of_its_folder(catalog: str) -> None:
    found = getattr(specs, catalog)
    path = importlib.import_module(found.package).__path__
    assert set(found.names()) >= {m.name for m in pkgutil.iter_modules(path) if not m.name.startswith("_")}
    assert len(found.names()) > 0


def test_every_pathology_provokes_a_diagnosis_that_exists() -> None:
    assert {spec.code for spec in PATHOLOGIES} <= set(DIAGNOSES.names())


def test_every_explained_finding_exists_and_is_less_specific() -> None:
    rank = {spec.name: spec.specificity for spec in DIAGNOSES}
    for spec in DIAGNOSES:
        assert all(rank[other] < spec.specificity for other in spec.explains), spec.name
    assert len(set(rank.values())) == len(rank)


@pytest.mark.parametrize("name", [spec.name for spec in FEATURES if not spec.argument])
def test_a_feature_map_is_fixed_finite_and_named(name: str) -> None:
    rng = np.random.default_rng(0)
    image = name == "flatten"
    values = rng.random((60, 4, 4)) if image else rng.normal(size=(60, 3))
    more: dict[str, Any] = {"kind": "image", "value_range": (0.0, 1.0)} if image else {}
    samples = SampleSet(values=values, **more)
    fitted = FEATURES.get(name).fit(samples.take(np.arange(30)))
    first, second = fitted(samples), fitted(samples)
    assert first.shape[0] == 60
    assert first.dtype == np.float64
    np.testing.assert_array_equal(first, second)
    again = FEATURES.get(name).fit(samples.take(np.arange(30)))
    assert fitted.fingerprint() == again.fingerprint()
    part = fitted(samples.take(np.arange(5)))
    np.testing.assert_array_equal(part, first[:5])


@pytest.mark.parametrize("name", SAMPLERS.names())
def test_an_adapter_refuses_what_it_cannot_open_without_raising(name: str) -> None:
    accepts = SAMPLERS.get(name).accepts
    assert not any(accepts(thing) for thing in (None, 3, object()))


@pytest.mark.parametrize("name", PLOTS.names())
def test_a_plot_does_not_apply_to_a_report_that_lacks_its_numbers(name: str) -> None:
    report = Report(
        gandiag_version="0",
        seed=0,
        real=RealSource(source="r", kind="vector", n=1, n_fit=1, dim=1, features="identity"),
        fakes=(
            FakeReport(
                name="f",
                source="f",
                n=1,
                results=(),
                diagnoses=(Diagnosis(code="ok", severity="none", sentence="s"),),
            ),
        ),
    )
    assert not PLOTS.get(name).applies(report, 0)
