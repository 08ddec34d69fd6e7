"""What callers of a gate ask for, resolved the same way for all of them: the policy, and the sources, opened."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gandiag.api import OPENING
from gandiag.core.options import refuse_unknown
from gandiag.core.protocols import Sampler
from gandiag.device import device_of
from gandiag.errors import placed
from gandiag.gate.policy import Policy, policy_for
from gandiag.sources import open_sampler, shown

SIDES = ("real", "fake", "train")


@dataclass(frozen=True, kw_only=True, eq=False)
class Asked:
    """A policy with its conditions, and what is to be held against what.

    Parameters
    ----------
    policy : Policy
    sources : mapping
        Side -> what the caller gave, or else what the policy names; None for nothing.
    labels : array of int, optional
        Classes of the real rows.
    opening : mapping
        Options for opening one of the sides.
    opens : {"fake", "real"}
        That side.
    """

    policy: Policy
    sources: Mapping[str, Any]
    labels: Any
    opening: Mapping[str, Any]
    opens: str

    def open(self, side: str) -> Sampler:
        """Open one side.

        Raises
        ------
        GandiagError
            Naming the side.
        """
        options = dict(self.opening) if side == self.opens else {}
        if side == "real" and self.labels is not None:
            options["labels"] = self.labels
        with placed(side):
            return open_sampler(self.sources[side], **options)

    def open_train(self) -> Sampler | None:
        """Open the training rows, where there are any."""
        return None if self.sources["train"] is None else self.open("train")

    def device(self, asked: str | None) -> str | None:
        """Choose the device: the one that is asked for, or that of what was given."""
        return device_of([self.sources[side] for side in SIDES[:2] if self.sources[side] is not None], asked)

    def told(self, side: str) -> str:
        """Name a source for people, opened or not."""
        source = self.sources[side]
        return shown(source) if isinstance(source, str) else type(source).__name__

    def name_of(self, fake: Sampler) -> str:
        """Name the sampler as it was asked for, or as it names itself."""
        source = self.sources["fake"]
        return shown(source) if isinstance(source, str) else fake.name


def asked(
    config: str | Path | None,
    gate: str | None,
    *,
    sources: Mapping[str, Any],
    changes: Mapping[str, Any],
    require: Iterable[str] | None = None,
    labels: Any = None,
    opening: Mapping[str, Any],
    of: str,
    needed: Sequence[str] = ("real", "fake"),
) -> Asked:
    """Find the policy of a call and the sources that it is about; nothing is opened yet.

    Parameters
    ----------
    config, gate : optional
        The file with policies, and which of them.
    sources : mapping
        What the caller gave for each side; None, or no entry, for nothing.
    changes : mapping
        Fields of the policy that the caller may set; None for nothing.
    require : list of str, optional
        Conditions in the place of the policy's.
    labels : array of int, optional
    opening : mapping
        Options for opening the fake, or the real source where no fake is needed.
    of : str
        Whose options these are, for messages.
    needed : sequence of str
        The sides without which there is nothing to do.

    Raises
    ------
    ConfigError
        For a policy or an option that makes no sense, and where a side is lacking.
    """
    refuse_unknown(opening, OPENING, of=of)
    given = {side: sources.get(side) for side in SIDES}
    policy = policy_for(
        config,
        gate,
        sources=given,
        require=None if require is None else list(require),
        changes={key: value for key, value in changes.items() if value is not None},
        needed=needed,
    )
    found = {side: getattr(policy, side) if value is None else value for side, value in given.items()}
    return Asked(
        policy=policy.completed(with_train=found["train"] is not None),
        sources=found,
        labels=labels,
        opening=opening,
        opens="fake" if "fake" in needed else "real",
    )
