"""The figures of a page in words, for those who cannot see them: what each shows, with its numbers."""

from __future__ import annotations

from collections.abc import Callable

from gandiag.core.report import Report
from gandiag.core.results import Result
from gandiag.core.specs import PlotSpec
from gandiag.core.wording import printable, short, short_p
from gandiag.plots._words import differs, find, one, pretty, sds, worse_by
from gandiag.report._reading import tests_that_differ, verdict


def alt_text(spec: PlotSpec, report: Report, fake: int) -> str:
    """Word one figure for those who cannot see it."""
    words = _ALTS.get(spec.name)
    name = printable(one(report, fake).name)
    return f"{name}. {spec.summary}" if words is None else f"{name}. {words(report, fake)}"


def _alt_samples(report: Report, fake: int) -> str:
    head = verdict(one(report, fake))
    return f"Real samples beside those of the sampler. {head.label}: {head.sentence}"


def _alt_intervals(report: Report, fake: int) -> str:
    sampler = one(report, fake)
    far = max((r for r in sampler.results if worse_by(r) is not None), key=lambda r: worse_by(r) or 0.0)
    return (
        f"Distance of every metric from its floor: {tests_that_differ(sampler)} tests differ; farthest is "
        f"{pretty(far.metric)} at {sds(worse_by(far) or 0.0)} standard deviations, where positive is worse."
    )


def _alt_modes(report: Report, fake: int) -> str:
    result = find(one(report, fake), "mode_coverage")
    modes = [] if result is None else list(result.details.get("modes") or [])
    missing = [printable(mode.get("name", i)) for i, mode in enumerate(modes) if mode.get("missing")]
    named = f": {', '.join(missing[:12])}{' and more' if len(missing) > 12 else ''}" if missing else ""
    return f"Share of samples in each of {len(modes)} modes, real and fake: {len(missing)} missing{named}."


def _alt_plane(*names: str) -> Callable[[Report, int], str]:
    def told(report: Report, fake: int) -> str:
        said = []
        for name in names:
            result = find(one(report, fake), name)
            if result is not None and result.estimate is not None:
                floor = "" if result.floor is None else f" (floor {result.floor.mean:.2f})"
                said.append(f"{name} {result.estimate:.2f}{floor}")
        return f"{names[0].capitalize()} against {names[1]}: {', '.join(said)}."

    return told


def _alt_null(report: Report, fake: int) -> str:
    from gandiag.plots.null_distribution import picked

    result = picked(report, fake, None)
    p = result.p_value
    tail = "" if p is None else f", p = {short_p(p.value)}"
    floor = "" if result.floor is None else f" against a floor of {short(result.floor.mean)}"
    word = "beyond" if differs(result) else "within"
    return f"{pretty(result.metric)}: observed {short(result.estimate or 0.0)}{floor}{tail}, {word} the null."


def _alt_limit(report: Report, fake: int) -> str:
    result = next(r for name in ("fid", "frechet") if (r := find(one(report, fake), name)) is not None)
    told = result.details.get("infinity") or {}
    at = f", {short(told['estimate'])} at infinitely many rows" if told.get("estimate") is not None else ""
    floor = "" if result.floor is None else f"; real against real scores {short(result.floor.mean)}"
    return f"{pretty(result.metric)} against sample size: {short(result.estimate or 0.0)} with all rows{at}{floor}."


def _critic(report: Report, fake: int) -> Result:
    from gandiag.plots._evidence import loudest

    result = loudest(report, fake, None, "scores", "labels")
    return one(report, fake)["c2st"] if result is None else result


def _alt_roc(report: Report, fake: int) -> str:
    result = _critic(report, fake)
    area = result.details.get("auc")
    said = "" if area is None else f" with area {short(round(float(area), 4))}"
    word = "above" if differs(result) else "not clearly above"
    return f"{pretty(result.metric)}: curve of a critic's hits against its false alarms{said}, {word} that of a guess."


def _alt_evidence(report: Report, fake: int) -> str:
    result = _critic(report, fake)
    told = [str(c["column"]) for c in result.details.get("gave_it_away") or [] if c.get("above_noise")]
    columns = f" Columns that tell: {', '.join(told)}." if told else " No single column tells more than chance."
    return f"{pretty(result.metric)}: scores of both sides; advantage {short(result.estimate or 0.0)}.{columns}"


def _alt_worst(report: Report, fake: int) -> str:
    result = one(report, fake)["max_sliced_wasserstein"]
    floor = "" if result.floor is None else f" against a floor of {short(result.floor.mean)}"
    return f"Both sides along their worst direction: distance {short(result.estimate or 0.0)}{floor}."


def _alt_prd(report: Report, fake: int) -> str:
    result = one(report, fake)["prd"]
    floor = "" if result.floor is None else f" (floor {result.floor.mean:.2f})"
    return f"Precision-recall curve: best F score {result.estimate or 0.0:.2f}{floor}."


def _alt_witness(report: Report, fake: int) -> str:
    result = one(report, fake)["mmd"]
    word = "differs from" if differs(result) else "is within"
    return f"Where real and fake differ by the kernel; the discrepancy {word} its floor."


def _alt_samplers(report: Report, fake: int) -> str:
    from gandiag.plots.sampler_comparison import picked

    name = picked(report, None) or ""
    found = [(f, r) for f in report.fakes if (r := find(f, name)) is not None]
    listed = ", ".join(f"{printable(f.name, longest=40)} {short(r.estimate or 0.0)}" for f, r in found[:12])
    return f"{pretty(name)} of {len(found)} samplers: {listed}{' and more' if len(found) > 12 else ''}."


def _alt_number(words: str, *metrics: str) -> Callable[[Report, int], str]:
    """Word a figure of the first metric that was measured by its number and what real scores against real."""

    def told(report: Report, fake: int) -> str:
        result = next((r for name in metrics if (r := find(one(report, fake), name)) is not None), None)
        if result is None:
            return f"{words}."
        floor = "" if result.floor is None else f" (real against real {short(result.floor.mean)})"
        return f"{words}; {pretty(result.metric)} {short(result.estimate or 0.0)}{floor}."

    return told


def _alt_sizes(report: Report, fake: int) -> str:
    from gandiag.plots._evidence import kept, loudest

    result = loudest(report, fake, None, "by_size")
    found = None if result is None else kept(report, fake, result.metric, "by_size")
    if result is None or found is None:
        return "Transport distance against the rows of a block."
    ends = [f"{row[0]:.0f} rows: {short(float(row[3]))} to {short(float(row[1]))}" for row in found[0][[0, -1]]]
    return f"{pretty(result.metric)} against the rows of a block, lower to upper end; {', '.join(ends)}."


def _alt_uncovered(report: Report, fake: int) -> str:
    found = [r for name in ("coverage", "recall") if (r := find(one(report, fake), name)) is not None]
    said = ", ".join(f"{r.metric} {short(r.estimate or 0.0)}" for r in found)
    return f"Examples of the real samples that no fake one comes near; {said}."


def _alt_severity(report: Report, fake: int) -> str:
    from gandiag.plots.severity_response import drawn

    fault, severities, results = drawn(report, fake, None)
    told = [f"{short(at)}: {short(r.estimate or 0.0)}" for at, r in zip(severities, results, strict=True)]
    return f"{pretty(results[0].metric)} by severity of the fault {fault.replace('_', ' ')}: {', '.join(told[:12])}."


def _alt_missing(report: Report, fake: int) -> str:
    missing = find(one(report, fake), "mode_coverage")
    names = [] if missing is None else [printable(m.get("name", "")) for m in missing.details["modes"] if m["missing"]]
    return f"Real samples of {len(names)} modes that are missing: {', '.join(names[:12])}."


_ALTS = {
    "missing_modes": _alt_missing,
    "critic_pixels": _alt_number("Map of the pixels by which a critic tells real from fake", "c2st_cnn"),
    "learned_filters": _alt_number("First filters of a convolutional critic", "c2st_cnn"),
    "severity_response": _alt_severity,
    "uncovered": _alt_uncovered,
    "duplicate_pairs": _alt_number("The fake images closest to each other, in pairs", "near_duplicates"),
    "collision_curve": _alt_number("Share of pairs within each distance, real and fake", "near_duplicates"),
    "nearest_training": _alt_number("Share of samples within each distance of a training row", "data_copying"),
    "transport_bracket": _alt_number(
        "Transport distance of blocks, between its two ends", "wasserstein", "projected_wasserstein"
    ),
    "transport_sizes": _alt_sizes,
    "spectrum": _alt_number("Shares of variety by rank, with the effective numbers", "vendi"),
    "wealth_path": _alt_number("Wealth of a gambler who tells fake from real, pair by pair", "c2st_e"),
    "samples_side_by_side": _alt_samples,
    "metric_intervals": _alt_intervals,
    "mode_counts": _alt_modes,
    "precision_recall_plane": _alt_plane("precision", "recall"),
    "density_coverage_plane": _alt_plane("density", "coverage"),
    "null_distribution": _alt_null,
    "frechet_limit": _alt_limit,
    "critic_roc": _alt_roc,
    "critic_evidence": _alt_evidence,
    "worst_projection": _alt_worst,
    "prd_curve": _alt_prd,
    "witness_map": _alt_witness,
    "sampler_comparison": _alt_samplers,
}
