"""Binding by parameter name: which argument of a callable is the number of rows, and which the randomness."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from gandiag.errors import ConfigError

COUNTS = ("n", "n_samples", "num_samples", "size", "batch_size")
RANDOMNESS = ("rng", "generator", "seed", "random_state")
Style = Literal["numpy", "torch", "integer"]

UNCONTROLLED = "randomness: uncontrolled (the sampler takes no generator or seed; global generators were seeded for it)"


@dataclass(frozen=True, eq=False)
class Binding:
    """How to call something for ``n`` rows.

    Parameters
    ----------
    function : callable
    count : str
        Name of the parameter that receives the number of rows.
    randomness : str or None
        Name of the parameter that receives the generator or seed.
    style : {"numpy", "torch", "integer"}
    positional : bool
        Whether the count can only be passed by position.
    """

    function: Callable[..., Any]
    count: str
    randomness: str | None
    style: Style
    positional: bool

    @classmethod
    def of(cls, function: Callable[..., Any], *, name: str, also: tuple[str, ...] = ()) -> Binding:
        """Bind by parameter names.

        Raises
        ------
        ConfigError
            When no parameter is a known count, or a further parameter has no default.
        """
        parameters = _parameters(function)
        if parameters is None:
            raise ConfigError(
                f"{name} must have a readable signature",
                received=type(function).__name__,
                remedy="Wrap it: def sample(n, rng): return ...",
            )
        names = list(parameters)
        count = next((c for c in (*COUNTS, *also) if c in parameters), None)
        randomness = next((r for r in RANDOMNESS if r in parameters), None)
        if count is None:
            raise ConfigError(
                f"{name} must have a parameter for the number of samples, called one of {', '.join(COUNTS)}",
                received=f"parameters {', '.join(names) or 'none'}",
                remedy='Rename it, wrap it in def sample(n, rng), or pass latent="normal:128" if it maps latents.',
            )
        _refuse_others(parameters, {count, randomness}, name=name)
        style: Style = "numpy" if randomness is None else _style(function, parameters[randomness])
        positional = parameters[count].kind is inspect.Parameter.POSITIONAL_ONLY
        return cls(function, count, randomness, style, positional)

    def __call__(self, n: int, rng: np.random.Generator) -> Any:
        """Call for ``n`` rows with randomness taken from ``rng``."""
        extra = {} if self.randomness is None else {self.randomness: _randomness(self.style, rng)}
        return self.function(n, **extra) if self.positional else self.function(**{self.count: n}, **extra)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know about the randomness."""
        return () if self.randomness is not None else (UNCONTROLLED,)


def _parameters(function: Callable[..., Any]) -> dict[str, inspect.Parameter] | None:
    try:
        return dict(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return None


def parameter_names(function: object) -> frozenset[str]:
    """List the parameters of a callable, none where they cannot be read."""
    return frozenset(_parameters(function) or ()) if callable(function) else frozenset()


def takes_nothing(function: object) -> bool:
    """Tell whether a callable can be called, and only makes sense, without arguments."""
    parameters = _parameters(function) if callable(function) else None
    if parameters is None or set(parameters) & {*COUNTS, *RANDOMNESS}:
        return False
    return all(_is_optional(p) for p in parameters.values())


def _is_optional(parameter: inspect.Parameter) -> bool:
    open_ended = parameter.kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return open_ended or parameter.default is not inspect.Parameter.empty


def _refuse_others(parameters: dict[str, inspect.Parameter], bound: set[str | None], *, name: str) -> None:
    left = [p for p in parameters if p not in bound and not _is_optional(parameters[p])]
    if left:
        raise ConfigError(
            f"{name} must need nothing but a number of samples and a generator",
            received=f"further parameters {', '.join(left)}",
            remedy="Fix them with functools.partial, or give them defaults.",
        )


def _style(function: Callable[..., Any], parameter: inspect.Parameter) -> Style:
    """Choose what to pass: by annotation first, then by name, then by what the function's code mentions."""
    annotation = parameter.annotation
    said = "" if annotation is inspect.Parameter.empty else str(getattr(annotation, "__module__", "")) + str(annotation)
    if "torch" in said:
        return "torch"
    if "numpy" in said or said.startswith("np.") or "np.random" in said:
        return "numpy"
    if parameter.name in ("seed", "random_state") or said in ("int", "builtins<class 'int'>"):
        return "integer"
    if parameter.name == "generator" and "torch" in _mentioned(function):
        return "torch"
    return "numpy"


def _mentioned(function: Callable[..., Any]) -> frozenset[str]:
    for layer in (getattr(function, "func", None), type(function).__dict__.get("__call__"), function):
        code = getattr(getattr(layer, "__func__", layer), "__code__", None)
        if code is not None:
            return frozenset((*code.co_names, *code.co_freevars))
    return frozenset()


def _randomness(style: Style, rng: np.random.Generator) -> Any:
    if style == "numpy":
        return rng
    seed = int(rng.integers(2**31))
    if style == "integer":
        return seed
    import torch

    return torch.Generator().manual_seed(seed)
