"""A Lightning callback around the observer; Lightning is imported when the callback is made, and not before."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from typing import Any

from gandiag.errors import MissingExtra
from gandiag.monitor.observer import Monitor

# One package under two names: callbacks of the one are not callbacks of the other.
_NAMES = ("lightning.pytorch", "pytorch_lightning")


def lightning_callback(
    monitor: Monitor, *, losses: Callable[[Any], Mapping[str, Any]] | None = None, stop: bool = True
) -> Any:
    """Make a callback that calls the observer after every training batch.

    Batches are counted, not ``trainer.global_step``, which counts the steps of every optimiser and so runs twice as
    fast with two of them. Validation hooks are not used: modules of GANs often have no validation step, and then these
    never run. Only the process of rank 0 observes.

    Parameters
    ----------
    monitor : Monitor
    losses : callable, optional
        From what ``training_step`` returned to losses by name. A mapping is taken as it is, anything else as ``loss``.
    stop : bool
        End the training when ``monitor.should_stop`` is true.

    Returns
    -------
    lightning.pytorch.Callback

    Raises
    ------
    MissingExtra
        When neither ``lightning`` nor ``pytorch_lightning`` can be imported.
    """
    base = _base()

    class ObserverCallback(base):  # type: ignore[misc, valid-type]
        """Calls the observer after every training batch."""

        def __init__(self) -> None:
            super().__init__()
            self.monitor = monitor
            self.batches = 0

        def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
            """Observe one batch, and hand the numbers of a look to the loggers of the trainer."""
            if not getattr(trainer, "is_global_zero", True):
                return
            found = losses(outputs) if losses is not None else _losses(outputs)
            modules = None if monitor.modules else dict(pl_module.named_children())
            row = monitor.step(self.batches, losses=found, modules=modules, examples=batch)
            self.batches += 1
            if row is not None:
                values = {f"gandiag/{name}": v for name, v in row["values"].items() if v is not None}
                pl_module.log_dict(values, rank_zero_only=True)
            if stop and monitor.should_stop:
                trainer.should_stop = True

        def on_train_end(self, trainer: Any, pl_module: Any) -> None:
            """Write the last row."""
            monitor.close()

    return ObserverCallback()


def _base() -> type:
    """Find the class of callbacks, under the name that the user's code has imported."""
    for name in sorted(_NAMES, key=lambda name: name not in sys.modules):
        try:
            return importlib.import_module(name).Callback  # type: ignore[no-any-return]
        except ImportError:
            continue
    raise MissingExtra(
        "the Lightning callback needs the package lightning",
        received="neither lightning nor pytorch_lightning can be imported",
        remedy="Run: pip install 'gandiag[lightning]', or call monitor.step(...) in the loop.",
    )


def _losses(outputs: Any) -> dict[str, Any]:
    """Read losses out of what a training step returned: one-element values of a mapping, or one loss."""
    if outputs is None:
        return {}
    if isinstance(outputs, Mapping):
        return {str(k): v for k, v in outputs.items() if _is_one_number(v)}
    return {"loss": outputs} if _is_one_number(outputs) else {}


def _is_one_number(value: Any) -> bool:
    return isinstance(value, int | float) or (hasattr(value, "numel") and value.numel() == 1)
