"""One shard: its blocks are drawn, mapped, and added up one after the other, and none is kept."""

from __future__ import annotations

import numpy as np

from gandiag.core.checks import Matrix
from gandiag.core.dependence import dependence_stride
from gandiag.core.protocols import Progress
from gandiag.core.samples import SampleSet
from gandiag.core.streams import Arrays, Block, StateSpec
from gandiag.drawing import outside_range
from gandiag.errors import GandiagError
from gandiag.extraction import extracted
from gandiag.shards.parts import Part
from gandiag.shards.setup import Setup


def run_shard(setup: Setup, shard: tuple[int, int], *, progress: Progress | None = None) -> Part:
    """Add up the blocks of one shard.

    Parameters
    ----------
    setup : Setup
    shard : (int, int)
        Which of how many, counted from 1: shard i takes blocks i, i + k, i + 2k and so on.
    progress : callable, optional
        Called as ``progress(step, done, total)``.

    Returns
    -------
    Part

    Raises
    ------
    GandiagError
        When a block cannot be drawn or mapped. A state that fails does not raise: the part says so.

    Notes
    -----
    Memory: one block of rows and features of either side, and the states.
    """
    i, k = shard
    numbers = range(i - 1, setup.blocks, k)
    tell = progress or (lambda step, done, total: None)
    states: dict[str, Arrays] = {}
    failures: dict[str, str] = {}
    dependence = ""
    for done, number in enumerate(numbers):
        tell(f"block {number + 1} of {setup.blocks}", done, len(numbers))
        block, why = _block(setup, number, looked_at=done == 0)
        dependence = dependence or why
        for state in setup.states:
            if state.name not in failures:
                _add(state, block, setup, states, failures)
    tell("done", len(numbers), len(numbers))
    return Part(
        run=setup.run,
        shard=shard,
        blocks=tuple(numbers),
        states={name: value for name, value in states.items() if name not in failures},
        fixed=setup.fixed,
        dependence=dependence,
        failures=failures,
    )


def _add(state: StateSpec, block: Block, setup: Setup, states: dict[str, Arrays], failures: dict[str, str]) -> None:
    """Add a block to a state; one that raises takes no other down."""
    try:
        found = state.of(block, setup.fixed[state.name])
        states[state.name] = found if state.name not in states else state.merge(states[state.name], found)
    except Exception as error:
        failures[state.name] = str(error) if isinstance(error, GandiagError) else f"{type(error).__name__}: {error}"


def _block(setup: Setup, number: int, *, looked_at: bool) -> tuple[Block, str]:
    real = None if setup.real is None else setup.real.block(number)
    fake = setup.fake.block(number)
    ours, theirs = _mapped(setup, real, "real"), _mapped(setup, fake, "fake")
    why = _dependence(real, ours, "real") or _dependence(fake, theirs, "fake") if looked_at else ""
    outside = None
    if fake is not None and setup.real is not None:
        outside = outside_range(fake, setup.real.outline.value_range)
    labels = None if real is None else real.labels
    return (
        Block(
            real=ours,
            fake=theirs,
            outside=outside,
            number=number,
            seed=setup.frame.seed,
            real_labels=labels,
            classify=getattr(setup.features, "classify", None),
        ),
        why,
    )


def _mapped(setup: Setup, samples: SampleSet | None, side: str) -> Matrix:
    if samples is None:
        return np.empty((0, setup.frame.d))
    return extracted(setup.features, samples, cache=setup.cache if side in setup.kept else None)


def _dependence(samples: SampleSet | None, rows: Matrix, side: str) -> str:
    if samples is None:
        return ""
    lag = samples.lag or dependence_stride(rows)[0]
    return f"{side} rows depend on their neighbours (about {lag} rows to independence)" if lag > 1 else ""
