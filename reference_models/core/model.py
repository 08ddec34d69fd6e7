"""What one model is: a frozen config, networks, a loss as a pure function, ``step`` and ``draw``."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from gandiag.core.catalog import Catalog
from gandiag.core.names import nearest
from gandiag.errors import ConfigError
from reference_models.core.data import Batches, Units
from reference_models.core.rng import Keys

Scalars = dict[str, Tensor]
Config = TypeVar("Config")


class Model(ABC, Generic[Config]):
    """One generator and all that trains it.

    A subclass builds ``self.networks`` and ``self.optimizers`` in `build`; the names are those of the checkpoint.

    Attributes
    ----------
    averaged : tuple of str
        Networks of which a moving average may be kept: those that make samples.
    per_step : int
        Batches of each domain that one step asks for.
    domains : int
        How many domains the model is trained on.
    paired : bool
        Whether rows of the domains belong together, one by one.
    """

    averaged: ClassVar[tuple[str, ...]] = ()
    domains: ClassVar[int] = 1
    paired: ClassVar[bool] = False

    def __init__(self, config: Config, units: Units, keys: Keys) -> None:
        self.config, self.units, self.device = config, units, keys.device
        self.per_step = 1
        self.networks: dict[str, nn.Module] = {}
        self.optimizers: dict[str, Optimizer] = {}
        with keys.everywhere("init"):
            self.build(config, units)

    @abstractmethod
    def build(self, config: Config, units: Units) -> None:
        """Make the networks and the optimisers."""

    @abstractmethod
    def step(self, batch: Batches, keys: Keys) -> Scalars:
        """Do one iteration of the generator, with all that belongs to it, and return what is worth logging."""

    @abstractmethod
    def draw(self, n: int, keys: Keys, labels: Tensor | None = None) -> Tensor:
        """Draw ``n`` rows in the model's units; networks are in evaluation mode and no gradients are kept."""

    def sample(self, n: int, keys: Keys, labels: Tensor | None = None) -> Tensor:
        """Draw ``n`` rows in the model's units, shape (n, ...)."""
        with torch.no_grad(), evaluating(self.networks.values()):
            return self.draw(n, keys, labels)

    def equilibrium(self) -> dict[str, float]:
        """Say what the numbers that `step` logs are where the game is at its end, of those for which that is known."""
        return {}

    def buffers(self) -> dict[str, Tensor]:
        """Give what the run must remember beside weights: replay pools, persistent chains."""
        return {}

    def load_buffers(self, buffers: dict[str, Tensor]) -> None:
        """Take back what `buffers` gave."""

    def named(self, net: nn.Module, *, name: str) -> nn.Module:
        """Enter a network under a name, on the model's device."""
        self.networks[name] = net.to(self.device)
        return self.networks[name]


@dataclass(frozen=True, kw_only=True, eq=False)
class ModelSpec:
    """One entry of the catalog.

    ``formula`` is one line of plain text; ``paper`` a citation; ``abilities`` what the model can do beside sampling.
    """

    name: str
    summary: str
    formula: str
    paper: str
    model: type[Model[Any]]
    config: type
    abilities: frozenset[str] = frozenset()


MODELS: Catalog[ModelSpec] = Catalog("reference_models.models", "MODEL", ModelSpec)


@contextmanager
def evaluating(networks: Iterable[nn.Module]) -> Iterator[None]:
    """Put networks into evaluation mode inside, and every layer back into its own mode after."""
    before = [(layer, layer.training) for net in networks for layer in net.modules()]
    try:
        for layer, _ in before:
            layer.training = False
        yield
    finally:
        for layer, mode in before:
            layer.training = mode


def descend(optimizer: Optimizer, loss: Tensor) -> None:
    """Take one step down a loss."""
    optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()


def in_blocks(net: nn.Module, *inputs: Tensor, rows: int = 512) -> Tensor:
    """Push rows through a network in blocks, so that memory does not grow with their number."""
    starts = range(0, len(inputs[0]), rows)
    return torch.cat([net(*(x[start : start + rows] for x in inputs)) for start in starts])


def config_of(kind: type[Config], values: Mapping[str, Any]) -> Config:
    """Build a config from plain values; unknown keys and wrong types are refused.

    Raises
    ------
    ConfigError
        Naming the nearest key, or the type that was expected.
    """
    import msgspec

    known = [f.name for f in dataclasses.fields(kind)]  # type: ignore[arg-type]
    for key in values:
        if key not in known:
            raise ConfigError(
                f"`{key}` is not a setting of {kind.__name__}",
                received=key,
                remedy=nearest(key, known, fallback=f"There are: {', '.join(known)}."),
            )
    try:
        return msgspec.convert(dict(values), type=kind)
    except msgspec.ValidationError as error:
        raise ConfigError(
            f"the settings of {kind.__name__} must have their types", received=str(error), remedy="Mend the value."
        ) from error
