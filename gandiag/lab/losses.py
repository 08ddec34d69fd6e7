"""The generator's losses that the arrows can be of, what D's output means under each, and the values at equilibrium."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Loss:
    """One game.

    Parameters
    ----------
    output : {"logit", "score", "critic"}
        What D gives: ``log D - log(1 - D)``, D itself, or any number.
    formula : str
        The generator's loss on one sample, of D's output f.
    equilibrium : dict
        Loss name -> its value where generator and data are one law; nats for "logit".
    """

    output: str
    formula: str
    equilibrium: dict[str, float]


# Goodfellow et al. 2014, eq. 1 and section 3; Mao et al. 2017, eq. 9 with the half; Arjovsky et al. 2017, eq. 2.
LOSSES: dict[str, Loss] = {
    "non_saturating": Loss(
        output="logit", formula="-log sigmoid(f)", equilibrium={"D": 2 * math.log(2), "G": math.log(2)}
    ),
    "saturating": Loss(
        output="logit", formula="log(1 - sigmoid(f))", equilibrium={"D": 2 * math.log(2), "G": -math.log(2)}
    ),
    "least_squares": Loss(output="score", formula="(f - 1)^2 / 2", equilibrium={"D": 0.25, "G": 0.125}),
    "wasserstein": Loss(output="critic", formula="-f", equilibrium={}),
}
