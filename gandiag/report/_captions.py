"""Which figures a page shows, in what order, and the caption of each."""

from __future__ import annotations

from collections.abc import Mapping

from gandiag.core.report import Report
from gandiag.plots._words import differs, find, one

# In this order; plots of third parties follow.
ORDER = (
    "samples_side_by_side",
    "critic_evidence",
    "witness_map",
    "worst_projection",
    "metric_intervals",
    "sampler_comparison",
    "mode_counts",
    "missing_modes",
    "precision_recall_plane",
    "density_coverage_plane",
    "null_distribution",
    "frechet_limit",
    "critic_roc",
    "prd_curve",
    "uncovered",
    "duplicate_pairs",
    "collision_curve",
    "nearest_training",
    "transport_bracket",
    "transport_sizes",
    "spectrum",
    "wealth_path",
    "critic_pixels",
    "learned_filters",
    "severity_response",
)
# About all samplers of a report: a page shows them beside the first alone.
_ONCE = frozenset({"sampler_comparison"})
# Said by another figure of the page, or for those who know the metric: drawn when asked for by name.
_ON_REQUEST = frozenset(
    {
        "critic_roc",
        "collision_curve",
        "density_coverage_plane",
        "transport_bracket",
        "transport_sizes",
        "spectrum",
        "wealth_path",
        "learned_filters",
        "severity_response",
    }
)
# Evidence is shown where one of these metrics tells real and fake apart, for else there is nothing to see in it.
_EVIDENCE: Mapping[str, tuple[str, ...]] = {
    "critic_evidence": ("c2st", "c2st_mlp", "c2st_cnn", "c2st_trees"),
    "witness_map": ("mmd",),
    "worst_projection": ("max_sliced_wasserstein",),
    "prd_curve": ("prd",),
    "uncovered": ("coverage", "recall"),
    "missing_modes": ("mode_coverage",),
    "critic_pixels": ("c2st_cnn",),
    "duplicate_pairs": ("near_duplicates",),
    "nearest_training": ("data_copying",),
}
CAPTIONS = {
    "samples_side_by_side": "Samples as they come: real on the left, this sampler on the right, on one scale.",
    "metric_intervals": (
        "Each metric's distance from its floor, turned so that right is worse. The band is ±2 standard deviations of "
        "the floor; filled diamonds differ, open orange circles are unclear; lines are confidence intervals."
    ),
    "mode_counts": (
        "Share of samples in each mode, with exact 95 % bounds. Hatched: real. A cross marks a mode that is missing."
    ),
    "precision_recall_plane": (
        "Fidelity (up) against diversity (right). The square is what a second real sample would score; below it is "
        "loss of fidelity, left of it is loss of diversity. Dots: halves of real against halves of fake; crosses: "
        "halves of real against each other, with as many rows."
    ),
    "density_coverage_plane": (
        "Density (up) against coverage (right), by the neighbourhoods of real rows alone. The square is what a second "
        "real sample would score. Dots: halves of real against halves of fake; crosses: halves of real against each "
        "other, with as many rows."
    ),
    "null_distribution": (
        "The metric that speaks loudest. Bars: what it scores when real and fake are exchanged at random, so when "
        "there is nothing to find. Mark: what it scored."
    ),
    "frechet_limit": (
        "The distance falls with the number of rows; the dashed line leads to what it would be with infinitely many "
        "(circle). Square: what real scores against real with the rows at hand."
    ),
    "critic_roc": (
        "How well a critic tells held-out real from fake rows. A critic that guesses stays within the band in 95 % of "
        "cases; the diamond is where this one decides."
    ),
    "critic_evidence": (
        "What gave it away. Left: the critic's scores of both sides. Right: the images that it is surest of, or what "
        "each column is worth to it; filled bars are more than chance."
    ),
    "worst_projection": (
        "Both sides along the direction on which they lie farthest apart, chosen on other rows than those shown. "
        "Quantiles on the diagonal agree."
    ),
    "prd_curve": (
        "Precision against recall for every trade-off between them; equal laws fill the square. The diamond is the "
        "best F score."
    ),
    "witness_map": (
        "Where the kernel sees a difference: too little fake (▲, orange) or too much (▼, blue); of images, the "
        "samples where that is most so."
    ),
    "uncovered": "Real samples that no fake one comes near, of those kept as examples; the title counts all.",
    "duplicate_pairs": "The pairs of fake images that lie closest to each other.",
    "collision_curve": (
        "Share of pairs within each distance. Above the real curve there are more close pairs than real data have: "
        "copies near zero, missing variety farther out."
    ),
    "nearest_training": (
        "How far samples lie from the nearest training row. A fake curve to the left of the real one, above all one "
        "that starts at a height, is a sampler that copies."
    ),
    "transport_bracket": (
        "Distances of blocks of samples, and the two ends between which that of the laws lies, with their margins. "
        "Square: blocks of real against blocks of real."
    ),
    "transport_sizes": (
        "The distance of the laws lies between the two ends, at every size of a block; the area reaches to their "
        "margins. Square and circle: blocks of one side against each other, which is what chance gives."
    ),
    "spectrum": "How the variety of the fake samples is spread. Lines: effective numbers of fake and of real.",
    "wealth_path": (
        "What a gambler earns by telling fake from real. With nothing to tell, a dashed line is ever crossed in at "
        "most 5 % and 0.1 % of runs."
    ),
    "missing_modes": "Real samples of the modes that the sampler never reaches, one row per mode.",
    "critic_pixels": (
        "Where in an image a critic found the difference, in log odds by pixel; all pixels add up to the difference of "
        "its mean scores. Bright pixels gave it away."
    ),
    "learned_filters": "The first filters of a convolutional critic, on one grey scale: the textures that it goes by.",
    "severity_response": (
        "One metric against the severity of one fault. The band is ±2 standard deviations of the floor; filled marks "
        "differ from it by their test."
    ),
    "sampler_comparison": (
        "All samplers by one metric, best on top, with confidence intervals. The band is ±2 standard deviations of "
        "the floor. A filled diamond is significantly best; hollow ones are tied."
    ),
}


def belongs(name: str, report: Report, fake: int) -> bool:
    """Tell whether a page on one sampler shows a figure that could be drawn: a page with all of them is not read."""
    if name in _ON_REQUEST or (name in _ONCE and fake > 0):
        return False
    found = [r for metric in _EVIDENCE.get(name, ()) if (r := find(one(report, fake), metric)) is not None]
    return name not in _EVIDENCE or any(differs(result) for result in found)
