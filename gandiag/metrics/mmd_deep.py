"""Deep kernel MMD: the maximum mean discrepancy under a kernel that a network learned for this very comparison.

One half of each side teaches a small network which near pairs to count, by the ratio of MMD^2 to its spread (Liu et al.
2020, "Learning deep kernels for non-parametric two-sample tests", eq. 1 and 4); the unbiased MMD^2 of the other half
under that kernel is the estimate, and its labels are permuted with the kernel fixed: ``p = (1 + #) / (B + 1)``, exact.
(The authors' code leaves out the 1, which makes p-values of 0.)

It sees differences of structure that no single bandwidth sees, such as modes that are turned or bent one by one. Half
of the rows are spent on learning, so the plain `mmd` sees plain shifts earlier. The number has the unit of a kernel
that is new in every run: compare it with its floor, never across runs.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gandiag.core.comparison import Comparison
from gandiag.core.results import Measurement, Relabelling
from gandiag.core.specs import MetricSpec
from gandiag.numerics.critics import split_halves
from gandiag.numerics.deep_kernel import learn_deep_kernel
from gandiag.numerics.kernels import hollow_centred, unbiased_mmd2

Labels = NDArray[np.bool_]


def measure(comparison: Comparison, /, *, rng: np.random.Generator) -> Measurement:
    """Measure the held-out MMD^2 under a learned kernel, with its permutation null.

    Raises
    ------
    TooFewSamplesError
        For fewer than 8 rows of either side.
    """
    cut = split_halves(comparison.real, comparison.fake, rng)
    kernel = learn_deep_kernel(cut.rows[cut.labels], cut.rows[~cut.labels], rng)
    hollow, _ = hollow_centred(kernel.matrix(cut.test))

    def statistic(labels: Labels) -> NDArray[np.float64]:
        return unbiased_mmd2(hollow, labels)[None, :]

    return Measurement(
        estimate=float(statistic(cut.test_labels[:, None])[0, 0]),
        null=Relabelling(observed=cut.test_labels, statistic=statistic),
        reasons={
            "e_value": "not a sequential test",
            "interval": "the statistic is degenerate where both laws are equal: no interval holds its level there",
        },
        details={
            "feature_length": kernel.feature_length,
            "input_length": kernel.input_length,
            "plain_share": kernel.share,
            "training_objective": kernel.objective,
            "n_test_real": len(cut.real_rows),
            "n_test_fake": len(cut.fake_rows),
        },
        arrays={"labels": cut.test_labels},
    )


METRIC = MetricSpec(
    name="mmd_deep",
    title="Deep kernel MMD",
    summary="Kernel distance under a kernel learned on one half and tested on the other; about 0 for equal laws.",
    measure=measure,
    kind="index",
    direction="lower",
    unit="kernel",
    low=None,
    high=None,
    family="distribution",
    topic="two_sample",
    symmetric=False,
    scale_invariant=True,
    zero_on_equal=False,
    min_real=8,
    min_fake=8,
    most_rows=1000,
    sees="differences of local structure that no single bandwidth sees: modes turned, bent or split one by one",
    blind_to="small shifts on few rows: half of them are spent on learning the kernel",
    cost="O((n + m)^2 (d + B)) and 100 steps of a small network",
    source="Liu et al. 2020, Learning deep kernels for non-parametric two-sample tests, eq. 1, 4 and 5",
    default=False,
)
