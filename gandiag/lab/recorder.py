"""The recorder: called at the end of each step of a run in the plane, it looks every so often and disturbs nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from gandiag.errors import ConfigError
from gandiag.lab.frames import Before, Frame, Scene, look, look_before
from gandiag.lab.looking import Eyes, Noise
from gandiag.lab.losses import LOSSES
from gandiag.lab.real_side import RealSide
from gandiag.lab.trace import NAME, Trace, read_trace
from gandiag.monitor.restoring import modules_within, undisturbed
from gandiag.monitor.window import count_of

MOST_FRAMES = 100
_SAVE_AFTER = 5.0  # seconds between saves


class LabRecorder:
    """Records a run whose samples lie in the plane, for ``gandiag lab``.

    A frame holds 400 samples of fixed latents, D on a grid, shares of the generator in the same cells, the manifold
    with its Jacobian, slopes of D at 100 of the samples, and numbers; about 35 kB. At more than 100 frames every second
    one is dropped and ``every`` doubled, so that a run of any length fits. Training stays bit for bit what it is.

    Parameters
    ----------
    real : object
        Anything that `gandiag.open_sampler` takes, with rows of two numbers. D* is exact where it is a built-in with a
        known density (``toy:ring8``), or where ``density`` is given.
    generator : torch.nn.Module or callable
        Latents (n, latent) to samples (n, 2).
    discriminator : torch.nn.Module or callable, optional
        Samples (n, 2) to n outputs: logits, unless ``loss`` says otherwise.
    latent : int
        Columns of the latents.
    prior : {"normal", "uniform"}
        Standard normal, or uniform in [-1, 1].
    loss : {"non_saturating", "saturating", "least_squares", "wasserstein"}
        What the generator descends; the arrows are its negative gradient.
    pack : int
        How many samples ``discriminator`` was trained to judge at once, and judges copies of here: D* is of packs then.
    every : int
        Steps between frames.
    out : path
        Folder of the run; ``lab.safetensors`` is written there, every five seconds and by `close`.
    name : str, optional
        What the page calls the run.
    density : callable, optional
        Natural logarithm of the data's density, (n, 2) to (n,).
    seed : int
        Of the lab's own draws. Training never sees it.
    resume : bool
        Go on with the trace that is in ``out``.
    clock : callable
        Seconds, from any origin.

    Raises
    ------
    ConfigError
        For an unknown loss or prior, and where ``out`` holds a trace already and ``resume`` is False.
    ShapeError
        When the data or what the generator makes are not of shape (n, 2).

    Examples
    --------
    >>> import tempfile, torch
    >>> G, D = torch.nn.Linear(2, 2), torch.nn.Linear(2, 1)
    >>> with tempfile.TemporaryDirectory() as out:
    ...     with LabRecorder("toy:ring8?sigma=0.2", generator=G, discriminator=D, latent=2, out=out) as lab:
    ...         recorded = [lab.step(step, losses={"D": 1.4, "G": 0.7}, examples=64) for step in range(3)]
    ...     print(recorded, len(read_trace(out)))
    [True, False, False] 2
    """

    def __init__(
        self,
        real: Any,
        *,
        generator: Callable[[Any], Any],
        discriminator: Callable[[Any], Any] | None = None,
        latent: int = 2,
        prior: Literal["normal", "uniform"] = "normal",
        loss: Literal["non_saturating", "saturating", "least_squares", "wasserstein"] = "non_saturating",
        pack: int = 1,
        every: int = 100,
        out: str | Path,
        name: str | None = None,
        density: Callable[[NDArray[np.float64]], NDArray[np.float64]] | None = None,
        seed: int = 0,
        resume: bool = False,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        if loss not in LOSSES or every < 1 or pack < 1:
            raise ConfigError(
                f"`loss` must be one of {', '.join(LOSSES)}, `every` and `pack` at least 1",
                received=f"{loss}, {every}, {pack}",
                remedy="Name the loss that the generator descends.",
            )
        self.every, self.out = every, Path(out)
        side = RealSide.of(real, density, seed)
        noise = Noise(width=latent, prior=prior)
        eyes = Eyes(generator, discriminator)
        self._scene = Scene(side=side, noise=noise, eyes=eyes, loss=loss, seed=seed, pack=pack)
        self._watched = [*modules_within(generator), *modules_within(discriminator)]
        self._facts = self._scene.facts | {"name": name or self.out.resolve().name}
        self._frames: list[Frame] = []
        self._before: Before | None = None
        self._broken: list[int] = []
        self._clock, self._window = clock, _Window(clock)
        self._step, self._saved_at = -1, clock()
        if (self.out / NAME).exists():
            self._go_on(resume)

    def step(self, step: int | None = None, *, losses: Mapping[str, Any] | None = None, examples: Any = None) -> bool:
        """Hear that a step is done; call it last in the loop.

        Parameters
        ----------
        step : int, optional
            Its number, rising; counted from 0 when absent.
        losses : mapping of str to float or one-element tensor, optional
            "D" and "G" are drawn with their values at equilibrium. Means over the steps of a frame are kept.
        examples : int, array, tensor or batch, optional
            Real rows that the discriminator saw in the step.

        Returns
        -------
        bool
            Whether a frame was recorded.
        """
        number = self._step + 1 if step is None else int(step)
        if number <= self._step:
            raise ConfigError("steps must rise", received=f"{number} after {self._step}", remedy="Pass resume=True.")
        self._step = number
        self._window.add(losses or {}, None if examples is None else count_of(examples))
        # The first step that is seen gets a frame too: it is where the run begins.
        seen = not number % self.every or not (self._frames or self._broken)
        recorded = self._record() if seen else False
        if not (number + 1) % self.every:
            self._look_before(number + 1)
        return recorded

    def close(self) -> None:
        """Record where the run ended, and write the file."""
        if self._window.steps:
            self._record()
        self.save()

    def save(self) -> None:
        """Write what there is, if there is anything."""
        if self._frames:
            self.trace().write(self.out)
        self._saved_at = self._clock()

    def trace(self) -> Trace:
        """Give what was recorded so far."""
        names = list(dict.fromkeys(name for frame in self._frames for name in frame.scalars))
        arrays = {key: np.stack([f.arrays[key] for f in self._frames]) for key in self._frames[0].arrays}
        arrays["scalars"] = np.array([[f.scalars.get(name, np.nan) for name in names] for f in self._frames])
        arrays |= {"p": self._scene.side.cells.astype(np.float32), "real": self._scene.side.shown.astype(np.float32)}
        facts = {**self._facts, "scalars": names, "every": self.every, "broken": self._broken}
        return Trace(facts=facts, arrays=arrays)

    def __enter__(self) -> LabRecorder:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if kind is None:
            self.close()
        else:
            self.save()

    def _record(self) -> bool:
        numbers = self._window.close()
        with undisturbed(self._watched):
            frame = look(self._scene, self._step, self._window.seconds, numbers, self._before)
        if frame is None:
            self._broken.append(self._step)
        else:
            self._frames.append(frame)
        if len(self._frames) > MOST_FRAMES:
            self.every *= 2
            first, *others = self._frames
            self._frames = [first, *(f for f in others if f.step % self.every == 0)]
        if self._clock() - self._saved_at > _SAVE_AFTER:
            self.save()
        self._window.go()
        return frame is not None

    def _look_before(self, step: int) -> None:
        """See what the step of the next frame is going to change; this takes none of the run's time either."""
        self._window.stop()
        with undisturbed(self._watched):
            self._before = look_before(self._scene, step)
        self._window.go()

    def _go_on(self, resume: bool) -> None:
        if not resume:
            raise ConfigError(
                "`out` must not hold the trace of another run",
                received=str(self.out / NAME),
                remedy="Name another folder, or go on with that run with resume=True.",
            )
        trace = read_trace(self.out)
        same = ("data", "loss", "pack", "latent", "prior", "view")
        if any(trace.facts[key] != self._facts[key] for key in same):
            raise ConfigError(
                "a trace can only be gone on with on the same data, latents and loss",
                received=f"{ {key: trace.facts[key] for key in same} }",
                remedy="Name another folder.",
            )
        self._frames = Frame.of_trace(trace)
        self._broken = list(trace.facts["broken"])
        self.every = max(self.every, trace.facts["every"])
        self._step = self._frames[-1].step
        self._window.seconds = float(trace.arrays["seconds"][-1])

    def rewind(self, step: int) -> None:
        """Drop the frames beyond a step: the run goes on from a checkpoint of before."""
        self._frames = [frame for frame in self._frames if frame.step <= step]
        self._broken = [at for at in self._broken if at <= step]
        self._step = step if self._frames or self._broken else -1


class _Window:
    """The numbers since the last frame; the time of the lab itself does not count."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock, self._since, self.seconds, self.steps = clock, clock(), 0.0, 0
        self._passed = 0.0
        self._sums: dict[str, list[Any]] = {}
        self._examples: int | None = None

    def add(self, losses: Mapping[str, Any], examples: int | None) -> None:
        """Take the numbers of one step."""
        self.steps += 1
        for name, value in losses.items():
            self._sums.setdefault(str(name), []).append(value.detach() if hasattr(value, "detach") else value)
        if examples is not None:
            self._examples = (self._examples or 0) + examples

    def close(self) -> dict[str, float]:
        """Give the means and the pace, and begin another window."""
        self.stop()
        passed, self._passed = self._passed, 0.0
        self.seconds += passed
        out = {f"loss/{name}": float(np.mean([float(v) for v in found])) for name, found in self._sums.items()}
        if self._examples is not None and passed > 0 and self.steps > 1:
            out["examples_per_second"] = self._examples / passed
        self._sums, self._examples, self.steps = {}, None, 0
        return out

    def stop(self) -> None:
        """Count no time until `go`."""
        self._passed += self._clock() - self._since

    def go(self) -> None:
        """Count time from now on."""
        self._since = self._clock()
