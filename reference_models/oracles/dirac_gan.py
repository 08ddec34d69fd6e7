"""The Dirac-GAN: the smallest GAN there is, and the smallest in which training does not converge.

The data are one point at 0, the generator is one point at theta, the discriminator is the line of logits
``D(x) = psi x`` (Mescheder, Geiger & Nowozin 2018, "Which training methods for GANs do actually converge?"; there with
the sign of psi reversed). With s the logistic function and u = psi theta, D ascends and G descends::

    loss             generator descends     d theta / dt      d psi / dt
    saturating       log(1 - s(u))          psi s(u)          -theta s(u)
    non-saturating   -log s(u)              psi s(-u)         -theta s(u)
    wasserstein      -u                     psi               -theta

The one equilibrium is (0, 0), where the Jacobian is ``[[0, c], [-c, 0]]`` with c = 1/2 for the log losses and 1 for the
Wasserstein loss: eigenvalues +- i c. The flow circles; a step of size h multiplies the distance by sqrt(1 + h^2 c^2)
when both move at once, by 1 when they alternate. Away from the equilibrium the losses differ: with the saturating and
Wasserstein losses the flow keeps ``r^2 = theta^2 + psi^2`` for ever; with the non-saturating one

    d(r^2) / dt = -2 u tanh(u / 2) <= 0,

so the flow creeps in, slower than any exponential (r^2 is about 8 / t), and simultaneous steps undo it: what a turn
loses, r^4 / 8 per unit of time, is what they add, h r^2 / 4, on the circle ``r = sqrt(2 h)``, where play ends up.

The zero-centred gradient penalty on real data (R1), ``gamma / 2 E |grad D|^2 = gamma psi^2 / 2``, subtracts gamma psi
from the discriminator's motion: eigenvalues ``(-gamma +- sqrt(gamma^2 - 4 c^2)) / 2``, real parts below 0, and play
converges for steps below `largest_step`. The one-centred penalty of WGAN-GP, ``gamma / 2 (|psi| - 1)^2``, pulls the
slope to 1, while the equilibrium needs 0: the flow's r^2 changes by 2 gamma |psi| (1 - |psi|), above 0 near the
equilibrium, and play goes on for ever.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Callable
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gandiag.errors import ConfigError, UnknownName

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]

# What the generator's push psi is multiplied by, as a function of u; and what the discriminator's -theta is.
Weight = Callable[[float], float]
Entry = TypeVar("Entry")


def _logistic(u: float) -> float:
    return 0.5 * (1.0 + math.tanh(0.5 * u))


LOSSES: dict[str, tuple[Weight, Weight]] = {
    "saturating": (_logistic, _logistic),
    "non-saturating": (lambda u: _logistic(-u), _logistic),
    "wasserstein": (lambda u: 1.0, lambda u: 1.0),
}

# The discriminator's motion by its penalty, for gamma = 1.
PENALTIES: dict[str, Weight] = {
    "none": lambda psi: 0.0,
    "r1": lambda psi: -psi,
    "one-centred": lambda psi: math.copysign(1.0, psi) - psi,
}


def field(theta: float, psi: float, *, loss: str, gamma: float = 0.0, penalty: str = "r1") -> tuple[float, float]:
    """Give the velocity (d theta / dt, d psi / dt) of both players.

    Parameters
    ----------
    theta, psi : float
        The generator's place and the discriminator's slope.
    loss : {"saturating", "non-saturating", "wasserstein"}
    gamma : float
        Weight of the penalty, at least 0.
    penalty : {"r1", "one-centred", "none"}

    Examples
    --------
    >>> field(1.0, 0.0, loss="saturating")
    (0.0, -0.5)
    """
    push, judge = _known(loss, gamma)
    u = psi * theta
    return psi * push(u), -theta * judge(u) + gamma * _named(PENALTIES, penalty)(psi)


def jacobian(*, loss: str, gamma: float = 0.0) -> Matrix:
    """Give the Jacobian of the field at the equilibrium, with the R1 penalty of weight gamma."""
    push, judge = _known(loss, gamma)
    return np.array([[0.0, push(0.0)], [-judge(0.0), -gamma]])


def eigenvalues(*, loss: str, gamma: float = 0.0) -> tuple[complex, complex]:
    """Give the eigenvalues at the equilibrium in closed form: without a penalty they are purely imaginary.

    Examples
    --------
    >>> [(value.real, value.imag) for value in eigenvalues(loss="saturating", gamma=0.6)]
    [(-0.3, 0.4), (-0.3, -0.4)]
    """
    push, judge = _known(loss, gamma)
    root = cmath.sqrt(gamma**2 - 4.0 * push(0.0) * judge(0.0))
    return (-gamma + root) / 2, (-gamma - root) / 2


def factor(step: float, *, loss: str, gamma: float = 0.0, alternating: bool = False) -> float:
    """Give what one step multiplies the distance to the equilibrium by, near to it.

    Parameters
    ----------
    step : float
        h, above 0, of both players.
    loss, gamma
        As for `jacobian`.
    alternating : bool
        Whether the discriminator moves second, seeing the generator's new place.

    Returns
    -------
    float
        Above 1 play diverges, below 1 it converges.

    Examples
    --------
    >>> round(factor(0.2, loss="saturating"), 7), round(factor(0.2, loss="saturating", alternating=True), 7)
    (1.0049876, 1.0)
    """
    j = jacobian(loss=loss, gamma=gamma)
    generator, discriminator = np.eye(2), np.eye(2)
    generator[0] += step * j[0]
    discriminator[1] += step * j[1]
    update = discriminator @ generator if alternating else np.eye(2) + step * j
    return float(np.abs(np.linalg.eigvals(update)).max())


def largest_step(*, loss: str, gamma: float) -> float:
    """Give the step below which simultaneous play converges near the equilibrium: ``min -2 Re(l) / |l|^2``; 0 for none.

    Examples
    --------
    >>> largest_step(loss="wasserstein", gamma=0.5), largest_step(loss="wasserstein", gamma=0.0)
    (0.5, 0.0)
    """
    # |1 + h l| < 1; of two real eigenvalues the larger one allows the shorter step.
    return min(abs(-2.0 * value.real / abs(value) ** 2) for value in eigenvalues(loss=loss, gamma=gamma))


def path(
    start: ArrayLike,
    step: float,
    steps: int,
    *,
    loss: str,
    gamma: float = 0.0,
    penalty: str = "r1",
    alternating: bool = False,
) -> Matrix:
    """Play with finite steps.

    Parameters
    ----------
    start : array_like, shape (2,)
        (theta, psi).
    step : float
        h of both players.
    steps : int
    loss, gamma, penalty
        As for `field`.
    alternating : bool
        Whether the discriminator moves second, seeing the generator's new place.

    Returns
    -------
    ndarray, shape (steps + 1, 2)
        Beginning with the start.
    """
    theta, psi = (float(value) for value in np.asarray(start, dtype=np.float64))
    out = np.empty((steps + 1, 2))
    out[0] = theta, psi
    for t in range(steps):
        move, turn = field(theta, psi, loss=loss, gamma=gamma, penalty=penalty)
        theta += step * move
        if alternating:
            turn = field(theta, psi, loss=loss, gamma=gamma, penalty=penalty)[1]
        psi += step * turn
        out[t + 1] = theta, psi
    return out


def _known(loss: str, gamma: float) -> tuple[Weight, Weight]:
    if not gamma >= 0:
        raise ConfigError("gamma must be at least 0", received=gamma, remedy="Use 0 for no penalty.")
    return _named(LOSSES, loss)


def _named(table: dict[str, Entry], name: str) -> Entry:
    if name not in table:
        raise UnknownName("the name must be known", received=name, remedy=f"Use one of {', '.join(table)}.")
    return table[name]
