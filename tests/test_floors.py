"""A module imports only from floors below its own."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "gandiag"

ALL = {"core", "datasets", "samplers", "features", "pathologies", "metrics", "inference", "numerics"}
MAY_IMPORT: dict[str, set[str]] = {
    "core": set(),
    "numerics": set(),
    "datasets": {"core"},
    "samplers": {"core"},
    "features": {"core", "device"},
    "pathologies": {"core"},
    "plots": {"core"},
    "metrics": {"core", "numerics"},
    "streaming": {"core", "metrics", "numerics"},
    "inference": {"core", "numerics"},
    "sources": ALL | {"references"},
    "references": {"core", "numerics", "samplers"},
    "diagnoses": ALL,
    "findings": {"core", "diagnoses"},
    "cache": {"core"},
    "extraction": {"cache", "core"},
    "drawing": {"core"},
    "prepared": {"cache", "core", "drawing", "extraction", "references"},
    "preparation": {"cache", "core", "drawing", "extraction", "features", "memory", "prepared", "references"},
    "featuring": {
        "cache",
        "core",
        "device",
        "drawing",
        "extraction",
        "features",
        "memory",
        "numerics",
        "references",
        "settings",
        "shards",
        "sources",
    },
    "memory": set(),
    "settings": {"core", "inference"},
    "measuring": {"core", "inference", "settings"},
    "working": {"core"},
    "device": set(),
    "gate": {
        "core",
        "evaluate",
        "features",
        "findings",
        "inference",
        "measuring",
        "numerics",
        "preparation",
        "prepared",
        "sources",
        "working",
        "settings",
    },
    "evaluate": {"core", "measuring", "findings", "preparation", "prepared", "working", "settings"},
    "shards": {
        "cache",
        "core",
        "drawing",
        "extraction",
        "features",
        "findings",
        "measuring",
        "numerics",
        "references",
        "streaming",
        "settings",
    },
    "calibration": {
        "core",
        "inference",
        "measuring",
        "evaluate",
        "sources",
        "datasets",
        "pathologies",
        "metrics",
        "settings",
    },
    "monitor": {"core", "sources", "preparation", "prepared", "measuring", "working", "plots", "settings"},
    "report": {"core", "inference", "evaluate", "sources", "plots"},
    "lab": {"core", "monitor", "plots", "sources"},
    "latent_sheets": {"core", "plots", "sources"},
    "verdict_grid": {"core", "monitor", "plots"},
    "api": {
        "core",
        "device",
        "sources",
        "measuring",
        "evaluate",
        "gate",
        "references",
        "report",
        "plots",
        "shards",
        "settings",
    },
    "sharding": {"api", "core", "measuring", "shards", "sources", "settings"},
    "asking": {"api", "core", "device", "gate", "sources"},
    "verdicts": {"api", "asking", "core", "device", "gate"},
    "baselines": {"asking", "core", "device", "gate", "measuring", "settings"},
    "planner": {"asking", "calibration", "core", "device", "gate"},
    "pytest_verdicts": {"core", "gate", "report"},
    "pytest_plugin": {"core", "gate", "pytest_verdicts"},
    "cli": {
        "core",
        "api",
        "monitor",
        "report",
        "lab",
        "calibration",
        "gate",
        "cache",
        "featuring",
        "shards",
        "sharding",
    },
    "__init__": {
        "api",
        "baselines",
        "calibration",
        "core",
        "errors",
        "featuring",
        "monitor",
        "planner",
        "sharding",
        "verdicts",
    },
    "__main__": {"cli"},
}


def imported_parts(tree: ast.AST) -> set[str]:
    """Name the parts of gandiag that a module imports, at any depth of its code."""
    parts = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                parts.add("a relative import")
                continue
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        parts |= {[*name.split("."), "__init__"][1] for name in names if name.split(".")[0] == "gandiag"}
    return parts


def violations(part: str, source: str) -> set[str]:
    """Say which imports of a module of ``part`` its floor forbids. The root and `errors` are open to all."""
    allowed = MAY_IMPORT[part] | {part, "errors", "__init__", "__version__"}
    return imported_parts(ast.parse(source)) - allowed


def part_of(path: Path) -> str:
    """Name the part of the house that a file belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_module_imports_only_from_floors_below(path: Path) -> None:
    part = part_of(path)
    if part == "errors":
        assert not imported_parts(ast.parse(path.read_text()))
        return
    assert not violations(part, path.read_text())


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_nothing_imports_the_reference_models(path: Path) -> None:
    tree = ast.parse(path.read_text())
    modules = [n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)]
    modules += [alias.name for n in ast.walk(tree) if isinstance(n, ast.Import) for alias in n.names]
    assert [m for m in modules if m.split(".")[0] == "reference_models"] == []


@pytest.mark.parametrize("path", sorted((PACKAGE / "metrics").glob("*.py")), ids=lambda p: p.stem)
def test_no_metric_imports_another(path: Path) -> None:
    imports = [n.module for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.ImportFrom) and n.module]
    assert not [m for m in imports if m.startswith("gandiag.metrics") and not m.startswith("gandiag.metrics._")]


@pytest.mark.parametrize(
    ("part", "source"),
    [
        ("plots", "from gandiag.numerics.moments import standardised"),
        ("plots", "def f():\n    from gandiag.metrics import energy"),
        ("metrics", "from gandiag.inference.permutation import permutation_null"),
        ("numerics", "from gandiag.core.checks import as_matrix"),
        ("core", "import gandiag.metrics.energy"),
        ("inference", "from gandiag.metrics.energy import measure"),
        ("evaluate", "from gandiag.plots import mode_counts"),
        ("monitor", "from gandiag.metrics.frechet import METRIC"),
        ("samplers", "from gandiag.datasets.ring8 import DATASET"),
        ("cli", "from gandiag.numerics import distances"),
        ("metrics", "from . import energy"),
    ],
)
def test_the_check_sees_a_planted_violation(part: str, source: str) -> None:
    assert violations(part, source)
