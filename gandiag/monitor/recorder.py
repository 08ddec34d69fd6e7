"""What the training itself tells at every step: losses, gradient norms, latents; and the hooks that read gradients."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from gandiag.monitor.clock import Clock
from gandiag.monitor.history import finite
from gandiag.monitor.journal import Journal
from gandiag.monitor.latent import latent_numbers
from gandiag.monitor.window import Window, gradient_norm, parameters_of


class Recorder:
    """Collects the numbers of the steps since the last row.

    Parameters
    ----------
    optimisers : mapping
        Gradient norms are read before each ``step()`` of these; without any, from the modules given to `add`.
    on_error : callable
        Hears what went wrong within an optimiser's hook.
    """

    def __init__(self, optimisers: Mapping[str, Any], on_error: Callable[[Exception], None]) -> None:
        self.steps = 0
        self._window = Window()
        self._latent: Mapping[str, Any] | None = None
        self._on_error = on_error
        self._applied: list[tuple[str, Any]] = []
        self._reads_modules = not optimisers
        self._hooks = [self._hooked(name, optimiser) for name, optimiser in optimisers.items()]

    def add(
        self, step: int, losses: Mapping[str, Any], modules: Mapping[str, Any], latent: Mapping[str, Any] | None
    ) -> None:
        """Take the numbers of one step."""
        self.steps += 1
        self._latent = latent or self._latent
        applied, self._applied = self._applied, []
        for name, norm in applied:
            self._window.add(step, f"gradient/{name}", norm)
        for name, value in losses.items():
            self._window.add(step, f"loss/{name}", value)
        if self._reads_modules:
            for name, module in modules.items():
                norm = gradient_norm(module.parameters())
                if norm is not None:
                    self._window.add(step, f"gradient/{name}", norm)

    def close(self) -> tuple[dict[str, float], dict[str, int]]:
        """Summarise the window and begin another: values, and per name the first step that was not finite."""
        latent, self._latent, self.steps = self._latent, None, 0
        values, first_bad = self._window.close()
        return (values if latent is None else values | latent_numbers(latent)), first_bad

    def write(self, journal: Journal, clock: Clock) -> None:
        """Record the window as a row of the history, and begin another."""
        steps = self.steps
        values, first_bad = self.close()
        rate = clock.rate()
        values |= {"observer_share": clock.share} | ({} if rate is None else {"examples_per_second": rate})
        numbers, bad = finite(values)
        found = {name: first_bad.get(name, journal.step) for name in bad}
        journal.record("train", steps=steps, values=numbers, **({"nonfinite": found} if found else {}))

    def let_go(self) -> None:
        """Take the hooks off the optimisers."""
        for hook in self._hooks:
            hook.remove()
        self._hooks = []

    def _hooked(self, name: str, optimiser: Any) -> Any:
        parameters = parameters_of(optimiser)

        def before_step(*_: object) -> None:
            try:
                norm = gradient_norm(parameters)
                if norm is not None:
                    self._applied.append((name, norm))
            except Exception as error:
                self._on_error(error)

        return optimiser.register_step_pre_hook(before_step)
