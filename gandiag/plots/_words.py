"""How results are worded and ordered: shared by the figures and by the reports, so that both say the same."""

from __future__ import annotations

from gandiag.core.report import FakeReport, Report
from gandiag.core.results import Result
from gandiag.core.wording import printable
from gandiag.errors import ConfigError

# A result is called different from its floor when its p-value, adjusted where it is, does not exceed this: the level
# at which diagnoses speak, so that tables and findings never contradict each other.
LEVEL = 0.01
# Without a p-value: this many standard deviations of the floor to the worse side are called out.
LOUD = 3.0

_SPELLINGS = {
    "agg": "Agg",
    "c2st": "C2ST",
    "cmmd": "CMMD",
    "cnn": "CNN",
    "fid": "FID",
    "fld": "FLD",
    "frechet": "Fréchet",
    "js": "JS",
    "jsd": "JSD",
    "kid": "KID",
    "kl": "KL",
    "knn": "kNN",
    "ks": "KS",
    "mlp": "MLP",
    "mmd": "MMD",
    "ndb": "NDB",
    "prd": "PRD",
    "rafsky": "Rafsky",
    "rff": "RFF",
    "rke": "RKE",
    "vendi": "Vendi",
    "wasserstein": "Wasserstein",
}


def pretty(metric: str) -> str:
    """Turn the stable name of a metric into what a person reads: ``ks_marginals`` becomes ``KS marginals``."""
    words = [_SPELLINGS.get(word, word) for word in printable(metric).split("_") if word]
    text = " ".join(words)
    return text[:1].upper() + text[1:] if text and words[0] not in _SPELLINGS.values() else text


def p_used(result: Result) -> float | None:
    """Give the p-value that a reader should weigh: the adjusted one where the panel was adjusted."""
    if result.p_value is None:
        return None
    return result.p_value.value if result.p_value.adjusted is None else result.p_value.adjusted


def worse_by(result: Result) -> float | None:
    """Give the distance from the floor in its standard deviations; positive on the worse side."""
    z = z_of(result)
    return None if z is None else _turned(result, z)


def z_of(result: Result) -> float | None:
    """Give the signed distance from the floor in its standard deviations; None where the floor has no spread.

    A spread that is mere rounding of the floor's mean is none: a quotient by it would say nothing.
    """
    return None if result.z is None or result.floor is None or result.floor.sd <= _rounding(result) else result.z


def _turned(result: Result, distance: float) -> float:
    if result.direction == "lower":
        return distance
    return -distance if result.direction == "higher" else abs(distance)


def _rounding(result: Result) -> float:
    mean = 0.0 if result.floor is None else abs(result.floor.mean)
    return 1e-9 * max(mean, abs(result.estimate or 0.0))


def differs(result: Result) -> bool:
    """Tell whether the result tells real and fake apart."""
    p = p_used(result)
    if p is not None:
        return p <= LEVEL
    return far(result)


def far(result: Result) -> bool:
    """Tell whether the result lies well beyond its floor on the worse side, whatever its p-value."""
    worse = worse_by(result)
    if worse is not None:
        return worse > LOUD
    # Where relabelling never changes the value, any excess is beyond the floor.
    return result.excess is not None and _turned(result, result.excess) > _rounding(result)


def sds(value: float) -> str:
    """Write a number of standard deviations: one decimal when small, none when large."""
    if abs(value) < 0.05:
        return "0.0"
    if abs(value) < 99.95:
        return f"{value:+.1f}"
    return f"{value:+,.0f}" if abs(value) < 99_999.5 else f"{value:+.0e}"


def one(report: Report, fake: int) -> FakeReport:
    """Pick one sampler of a report."""
    if not 0 <= fake < len(report.fakes):
        raise ConfigError(
            f"`fake` must be the index of one of the {len(report.fakes)} samplers of the report",
            received=fake,
            remedy="Count from 0.",
        )
    return report.fakes[fake]


def find(fake: FakeReport, metric: str) -> Result | None:
    """Give a result with an estimate, or None."""
    for result in fake.results:
        if result.metric == metric and result.estimate is not None:
            return result
    return None
