"""Sums of latents, Radford, Metz & Chintala 2016 (section 6.3.2), and ways between them, with a measure of their worth.

    z' = z + E z(with the trait) - E z(without)

where means over many latents are taken, since single ones are unstable. Whether that adds the trait is a question of
numbers: how often does it, and how often does a random step of the same length? And what else did the step change?
`gandiag.latent_sheets` draws such sums; here they are counted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from gandiag.errors import ShapeError
from reference_models.core.rng import Keys

Decode = Callable[[Tensor], Tensor]
Reads = Callable[[Tensor], Tensor]


@dataclass(frozen=True, kw_only=True)
class Worth:
    """What a step in the latent space did, in shares of rows that lacked the trait.

    Attributes
    ----------
    flipped : float
        Rows that have the trait after the step.
    kept : float
        Rows that show what they showed before: their class.
    both : float
        Rows of which both hold.
    """

    flipped: float
    kept: float
    both: float


def trait_of(having: Tensor, lacking: Tensor) -> Tensor:
    """Give what one group of latents has and another lacks: the difference of their means, shape (latent,).

    Raises
    ------
    ShapeError
        When a group is empty, or they are not of one length.
    """
    if (
        having.ndim != 2
        or lacking.ndim != 2
        or not len(having)
        or not len(lacking)
        or having.shape[1] != lacking.shape[1]
    ):
        raise ShapeError(
            "both groups must hold latents of one length",
            received=f"{tuple(having.shape)} and {tuple(lacking.shape)}",
            remedy="Pass tensors of shape (rows, latent).",
        )
    return having.mean(dim=0) - lacking.mean(dim=0)


def random_steps(like: Tensor, rows: int, keys: Keys) -> Tensor:
    """Draw directions at random with the length of one, shape (rows, latent): another one for every row."""
    steps = keys.normal("random steps", rows, len(like))
    found: Tensor = steps / steps.norm(dim=1, keepdim=True) * like.norm()
    return found


def worth(decode: Decode, z: Tensor, step: Tensor, *, has: Reads, shows: Reads) -> Worth:
    """Measure what a step does to rows that lack a trait.

    Parameters
    ----------
    decode : callable
        Latents (n, latent) to images.
    z : Tensor, shape (n, latent)
    step : Tensor, shape (latent,) or (n, latent)
    has : callable
        Images to bools: who has the trait. Rows that have it before the step are left out.
    shows : callable
        Images to classes.

    Returns
    -------
    Worth

    Raises
    ------
    ShapeError
        When every row has the trait already.
    """
    with torch.no_grad():
        before, after = decode(z), decode(z + step)
    lacked = ~has(before)
    if not bool(lacked.any()):
        raise ShapeError("some rows must lack the trait", received="none that does", remedy="Draw more latents.")
    flipped, kept = has(after)[lacked], (shows(before) == shows(after))[lacked]
    return Worth(
        flipped=float(flipped.float().mean()),
        kept=float(kept.float().mean()),
        both=float((flipped & kept).float().mean()),
    )


def great_circle(one: Tensor, other: Tensor, t: float) -> Tensor:
    """Go the share ``t`` of the way from some latents to others, turning at even speed (White 2016, section 2.1).

    The norm goes from one's to the other's; halfway along the straight line it is that over the root of two, where
    latents of many numbers do not lie.

    Examples
    --------
    >>> halfway = great_circle(torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]]), 0.5)
    >>> round(halfway.norm().item(), 5)
    1.0
    """
    first, second = one.double(), other.double()  # near pi a cosine of single precision leaves no angle
    norms = first.norm(dim=1, keepdim=True), second.norm(dim=1, keepdim=True)
    a, b = first / norms[0], second / norms[1]
    angle = (a * b).sum(dim=1, keepdim=True).clamp(-1, 1).arccos()
    turned = (torch.sin((1 - t) * angle) * a + torch.sin(t * angle) * b) / angle.sin().clamp(min=1e-9)
    flat = angle.sin() < 1e-6  # parallel or opposite: no circle is the one
    way: Tensor = torch.where(flat, torch.lerp(first, second, t), turned * torch.lerp(norms[0], norms[1], t))
    return way.to(one)
