"""Is my generator any good? Scores any sampler against real data, and says whether the score means anything."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gandiag.api import Report, open_sampler, score
    from gandiag.baselines import diff_baseline, update_baseline
    from gandiag.calibration.checking import check_metric
    from gandiag.core.plan import Plan
    from gandiag.core.report import Diagnosis
    from gandiag.core.results import Result
    from gandiag.core.samples import SampleSet
    from gandiag.core.selftest import SelfTest
    from gandiag.core.verdict import Verdict
    from gandiag.errors import ConfigError, DataError, GandiagError, NumericalError, QualityFailure, SamplerError
    from gandiag.featuring import save_features
    from gandiag.monitor.observer import Monitor
    from gandiag.planner import plan, self_test
    from gandiag.sharding import merge, score_ranks, score_shard
    from gandiag.verdicts import check

__version__ = "0.1.0"

# Loaded on first use: `import gandiag` and `gandiag --help` must not wait for NumPy, let alone torch.
_HOME = {
    "ConfigError": "gandiag.errors",
    "DataError": "gandiag.errors",
    "Diagnosis": "gandiag.core.report",
    "GandiagError": "gandiag.errors",
    "Monitor": "gandiag.monitor.observer",
    "NumericalError": "gandiag.errors",
    "Report": "gandiag.api",
    "Result": "gandiag.core.results",
    "QualityFailure": "gandiag.errors",
    "SampleSet": "gandiag.core.samples",
    "SamplerError": "gandiag.errors",
    "SelfTest": "gandiag.core.selftest",
    "Plan": "gandiag.core.plan",
    "Verdict": "gandiag.core.verdict",
    "check": "gandiag.verdicts",
    "check_metric": "gandiag.calibration.checking",
    "diff_baseline": "gandiag.baselines",
    "merge": "gandiag.sharding",
    "open_sampler": "gandiag.api",
    "plan": "gandiag.planner",
    "save_features": "gandiag.featuring",
    "score": "gandiag.api",
    "score_ranks": "gandiag.sharding",
    "score_shard": "gandiag.sharding",
    "self_test": "gandiag.planner",
    "update_baseline": "gandiag.baselines",
}

__all__ = [
    "ConfigError",
    "DataError",
    "Diagnosis",
    "GandiagError",
    "Monitor",
    "NumericalError",
    "Plan",
    "QualityFailure",
    "Report",
    "Result",
    "SampleSet",
    "SamplerError",
    "SelfTest",
    "Verdict",
    "check",
    "check_metric",
    "diff_baseline",
    "merge",
    "open_sampler",
    "plan",
    "save_features",
    "score",
    "score_ranks",
    "score_shard",
    "self_test",
    "update_baseline",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'gandiag' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
