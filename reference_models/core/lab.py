"""A recorder of `gandiag lab` for models of this package that train a generator G against a D in the plane."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from torch import Tensor

from gandiag.errors import ConfigError
from gandiag.lab import LabRecorder
from gandiag.lab.trace import NAME
from reference_models.core.loop import Run
from reference_models.core.model import Scalars

# Scalar of a model's step -> what the lab calls it.
_LOSSES = {"d_loss": "D", "g_loss": "G", "w_estimate": "W1 by the critic"}


class Lab:
    """A callback that records a frame every so many steps into the folder of the run; use it as a context.

    Parameters
    ----------
    every : int
        Steps between frames.

    Examples
    --------
    >>> import tempfile
    >>> from gandiag.lab import read_trace
    >>> from reference_models.core.running import train
    >>> with tempfile.TemporaryDirectory() as out:
    ...     with Lab(2) as lab:
    ...         run = train("gan", "smoke", steps=4, out=out, callbacks=[lab])
    ...     read_trace(out).arrays["steps"].tolist()
    [1, 2, 4]
    """

    def __init__(self, every: int) -> None:
        self.every = every
        self.recorder: LabRecorder | None = None

    def on_step(self, run: Run, scalars: Scalars) -> None:
        """Hear that one step is done."""
        if self.recorder is None:
            self.recorder = recorder_of(run, self.every)
            self.recorder.rewind(run.step - 1)
        losses = {name: scalars[key] for key, name in _LOSSES.items() if key in scalars}
        self.recorder.step(run.step, losses=losses, examples=run.preset.batch * run.model.per_step)

    def __enter__(self) -> Lab:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self.recorder is not None:
            self.recorder.__exit__(kind, error, at)


def recorder_of(run: Run, every: int) -> LabRecorder:
    """Make the recorder that fits a run.

    Raises
    ------
    ConfigError
        For a model without G and D, data that were rescaled, or a run without a folder.
    """
    networks, config = run.model.networks, run.model.config
    if run.out is None or not {"G", "D"} <= networks.keys() or run.data.units.scale != "none" or _conditional(config):
        raise ConfigError(
            "the lab records models that map noise by G and judge by D, on data that are not rescaled, into a folder",
            received=f"{run.spec.name}, networks {', '.join(networks)}, scale {run.data.units.scale}, out {run.out}",
            remedy="Use gan or wgan on a toy such as toy:ring8.",
        )
    domain = run.data.domains[-1]
    pack = getattr(config, "pack", 1)
    loss: Any = getattr(config, "loss", "wasserstein")
    critic = networks["D"]

    def judged(x: Tensor) -> Tensor:
        # A pack of copies: the slope of what D says of it by its one sample is then the sum over the pack.
        out: Tensor = critic(x if pack == 1 else x[:, None].expand(-1, pack, -1))
        return out

    return LabRecorder(
        domain.address,
        generator=networks["G"],
        discriminator=judged,
        latent=int(config.latent),
        loss=loss,
        pack=pack,
        every=every,
        out=run.out,
        name=f"{run.spec.name} {run.preset.name}, {run.out.resolve().name}",
        seed=run.keys.seed,
        resume=(run.out / NAME).exists(),
    )


def _conditional(config: Any) -> bool:
    return not hasattr(config, "latent") or hasattr(config, "classes")
