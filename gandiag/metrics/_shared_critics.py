"""The held-out critics of a comparison: trained once, for every metric that reads them."""

from __future__ import annotations

from gandiag.core.comparison import Comparison
from gandiag.numerics.critics import HeldOut, held_out_critics


def shared_critics(comparison: Comparison) -> HeldOut:
    """Give the critics that were trained on one half of each side, and what they say of the other."""
    return comparison.once(
        "held_out_critics", lambda rng: held_out_critics(comparison.real, comparison.fake, rng, comparison.device)
    )
