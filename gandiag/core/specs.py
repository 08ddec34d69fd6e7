"""Specs: what one file of a catalog declares about itself. Declared properties are tested by the contracts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np

from gandiag.core.catalog import Catalog
from gandiag.core.comparison import Comparison
from gandiag.core.protocols import FeatureMap, Sampler
from gandiag.core.report import Diagnosis, FakeReport, RealSource, Report
from gandiag.core.results import Direction, EstimateKind, Measurement, Result

Family = Literal["distribution", "fidelity", "modes", "duplicates", "memorisation"]
Topic = Literal[
    "two_sample",
    "support",
    "transport",
    "divergences",
    "embedding",
    "modes",
    "memorisation",
    "conditional",
]


class Measure(Protocol):
    """Measure one comparison. Options are keyword-only with defaults; randomness comes from ``rng`` alone."""

    def __call__(self, comparison: Comparison, /, *, rng: np.random.Generator) -> Measurement:
        """Measure one comparison."""
        ...


@dataclass(frozen=True, kw_only=True, eq=False)
class GateTest:
    """What a gate needs to know about one test of a metric, to call it passed and not merely not rejected.

    Parameters
    ----------
    margin : float or None
        The smallest effect that a gate must not leave unseen, where the policy names none; None where only the user
        can know.
    effect : str
        What the margin is a size of, with braces where the number goes: "the loss of a mode with a share of {}".
    smallest : callable, optional
        ``(result, level, power) -> effect`` that the test rejects at that level with that power at the result's sizes,
        None where none does. By default the excess of the estimate over the floor, from the spread of the null.
    p_value : callable, optional
        The p-value that stands behind a detail, such as a count of missing modes. By default the result's own.
    rate : float
        The smallest effect falls like the number of rows to the power of minus this.
    joined : int
        Statistics that the test joins, of which the estimate is one: its null is then read at that share of the level,
        since an effect may show in the estimate alone.
    """

    margin: float | None
    effect: str
    smallest: Callable[[Result, float, float], float | None] | None = None
    p_value: Callable[[Result], float] | None = None
    rate: float = 0.5
    joined: int = 1


@dataclass(frozen=True, kw_only=True, eq=False)
class MetricSpec:
    """One metric.

    Parameters
    ----------
    name : str
        The module's name.
    title : str
        What figures and tables print.
    summary : str
        One line for a person who has never met it: what it answers.
    measure : callable
        ``(comparison, *, rng, **options) -> Measurement``.
    number : callable, optional
        The same for the estimate alone, where that is far cheaper than with its null; None where it is undefined.
    kind, direction, unit
        As in `Result`. Direction "target" means that both more and less than the floor are worse.
    low, high : float or None
        Range of the estimate.
    family : str
        The family of the multiplicity correction and of the report's sections.
    topic : str
        The shelf of the catalog it stands on; ``metrics=["transport"]`` asks for all of one shelf.
    symmetric : bool
        Whether swapping real and fake leaves the estimate as it is (tested both ways).
    scale_invariant : bool
        Whether multiplying both sides by one factor leaves the estimate as it is (tested both ways).
    zero_on_equal : bool
        Whether the estimate of a sample against itself is exactly 0.
    min_real, min_fake : int
        Fewest rows that it can be computed from.
    most_rows : int
        Rows per side beyond which it works on a random subset, which the result says.
    needs : frozenset of str
        What must be given for it to run: any of "train", "range", "labels" (of both sides), "classes"
        (of the real side), "probabilities" (class probabilities, as rows or read off the features), "discrete" (rows
        of whole numbers), "images" (the shape of an image), "inception" (Inception features). What is lacking makes
        the result undefined, with the remedy.
    default : bool
        Whether it runs when nobody names metrics.
    also_on : str
        A need whose presence makes it run when nobody names metrics; empty for none.
    example : mapping
        Options of the contract tests and of the calibration, for a metric that cannot run without any.
    sees : str
        The faults that move it.
    blind_to : str
        What it cannot see.
    cost : str
        Growth with n, d and the number of permutations B.
    source : str
        Paper with equation.
    gate : mapping
        What a gate can test: "p", and details that have a test of their own.
    """

    name: str
    title: str
    summary: str
    measure: Measure
    kind: EstimateKind
    direction: Direction
    unit: str
    low: float | None
    high: float | None
    family: Family
    topic: Topic
    symmetric: bool
    scale_invariant: bool
    zero_on_equal: bool
    min_real: int
    min_fake: int
    most_rows: int
    sees: str
    blind_to: str
    cost: str
    source: str
    needs: frozenset[str] = frozenset()
    number: Callable[..., float | None] | None = None
    default: bool = True
    also_on: str = ""
    example: Mapping[str, Any] = field(default_factory=dict)
    gate: Mapping[str, GateTest] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, eq=False)
class SamplerSpec:
    """One way in which samples arrive.

    ``accepts`` looks without importing heavy packages or touching the network; ``open`` builds the sampler. Adapters
    are asked by falling ``priority``.
    """

    name: str
    summary: str
    accepts: Callable[[object], bool]
    open: Callable[..., Sampler]
    priority: int = 0
    extra: str | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class FeatureSpec:
    """One feature map: ``fit`` receives real rows that are set aside, and returns the fixed map.

    With an ``argument``, which says in words what it is, the map may be asked for as ``name:argument``, and ``fit``
    then receives that text too.
    """

    name: str
    summary: str
    fit: Callable[..., FeatureMap]
    kinds: frozenset[str] = frozenset({"vector", "image", "discrete"})
    argument: str = ""


@dataclass(frozen=True, kw_only=True, eq=False)
class DatasetSpec:
    """One bundled law or data set: ``open(**options)`` returns a sampler.

    ``scheme`` is "toy" for laws that never end, "data" for sets, and "model" for trained generators; the built-in's
    address is ``scheme:name?option=value``.
    """

    name: str
    summary: str
    scheme: Literal["toy", "data", "model"]
    open: Callable[..., Sampler]
    source: str = ""


@dataclass(frozen=True, kw_only=True, eq=False)
class PathologySpec:
    """One known way of being wrong: ``wrap(sampler, severity, **options)`` returns a sampler.

    ``severity`` is the dial of the address ``source!name=severity``; ``healthy`` is the value that changes nothing.
    """

    name: str
    summary: str
    wrap: Callable[..., Sampler]
    severity: str
    healthy: float
    code: str
    example: float = field(default=0.5)


@dataclass(frozen=True, kw_only=True, eq=False)
class DiagnosisSpec:
    """One question: ``ask`` reads the results about one fake source and answers with a finding, or None."""

    name: str
    summary: str
    ask: Callable[[FakeReport, RealSource], Diagnosis | None]
    specificity: int
    explains: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True, eq=False)
class PlotSpec:
    """One figure: ``draw(report, fake=index, ax=None, **options)`` returns matplotlib axes.

    ``applies`` tells whether the report holds what the figure shows; ``panels`` how many axes ``ax`` must hold.
    """

    name: str
    summary: str
    draw: Callable[..., Any]
    applies: Callable[[Report, int], bool]
    options: Mapping[str, Any] = field(default_factory=dict)
    panels: int = 1


METRICS: Catalog[MetricSpec] = Catalog("gandiag.metrics", "METRIC", MetricSpec)
SAMPLERS: Catalog[SamplerSpec] = Catalog("gandiag.samplers", "SAMPLER", SamplerSpec)
FEATURES: Catalog[FeatureSpec] = Catalog("gandiag.features", "FEATURES", FeatureSpec)
DATASETS: Catalog[DatasetSpec] = Catalog("gandiag.datasets", "DATASET", DatasetSpec)
PATHOLOGIES: Catalog[PathologySpec] = Catalog("gandiag.pathologies", "PATHOLOGY", PathologySpec)
DIAGNOSES: Catalog[DiagnosisSpec] = Catalog("gandiag.diagnoses", "DIAGNOSIS", DiagnosisSpec)
PLOTS: Catalog[PlotSpec] = Catalog("gandiag.plots", "PLOT", PlotSpec)
