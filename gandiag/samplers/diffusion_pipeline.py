"""Diffusion pipelines, told by their call (``generator`` and ``output_type``), not imported.

Every image has a generator of its own, seeded from the stream of the draw, so that draws repeat and do not depend on
the batch size but by rounding. Images are taken as Pillow images, that is as the 8 bits that everybody saves and
compares; a pipeline that is conditioned on text needs ``prompts``, which are used equally often, in random order. What
a safety checker blacks out counts as drawn, and is counted.

Further arguments are fixed with ``functools.partial(pipeline, num_inference_steps=20)``.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from gandiag.core.protocols import Sampler
from gandiag.core.samples import SampleSet
from gandiag.core.specs import SamplerSpec
from gandiag.errors import ConfigError, SamplerContractError
from gandiag.samplers._binding import parameter_names
from gandiag.samplers._items import holds_pictures
from gandiag.samplers._picture_rows import USES, PictureRows
from gandiag.samplers._settings import Settings
from gandiag.samplers._stream import Draw, StreamSampler

ROWS_PER_CALL = 8


def accepts(source: object) -> bool:
    """Tell whether the source is called as diffusion pipelines are."""
    return not isinstance(source, type) and {"generator", "output_type"} <= parameter_names(source)


def open_pipeline(source: Any, **options: Any) -> Sampler:
    """Open a pipeline; one that takes a ``prompt`` needs ``prompts``."""
    settings = Settings.read(options, uses=("prompts", *USES), by="diffusion pipelines")
    name = settings.name or _called(source)
    conditioned = "prompt" in parameter_names(source)
    if conditioned != (settings.prompts is not None):
        raise ConfigError(
            f"{name} needs prompts to draw from" if conditioned else f"{name} takes no prompts",
            received="none" if conditioned else "prompts",
            remedy='Pass prompts=["a photo of a cat", ...].' if conditioned else "Leave prompts out.",
        )
    prompts = None if settings.prompts is None else _checked(settings.prompts)
    return PipelineSampler(source, prompts, settings, name)


class PipelineSampler:
    """Draws images from a pipeline, one seed for each."""

    size: int | None = None

    def __init__(self, source: Any, prompts: list[str] | None, settings: Settings, name: str) -> None:
        self.name = name
        self._source, self._prompts, self._settings = source, prompts, settings

    def sample(self, n: int, *, rng: np.random.Generator) -> SampleSet:
        """Draw exactly ``n`` images."""
        rows = PictureRows(self._settings, name=self.name)
        blacked: list[int] = []

        def begin(n: int, rng: np.random.Generator) -> Draw:
            seeds = rng.integers(2**62, size=n)
            chosen = None if self._prompts is None else _dealt(len(self._prompts), n, rng)
            return lambda start, stop: self._images(
                seeds[start:stop].tolist(), None if chosen is None else chosen[start:stop].tolist(), rows, blacked
            )

        drawn = StreamSampler(
            begin,
            name=self.name,
            settings=self._settings,
            lag=1,
            batch_size=ROWS_PER_CALL,
            form_settings=lambda: rows.settings,
            notes=() if self._prompts is None else (f"{len(self._prompts)} prompts, used equally often",),
        ).sample(n, rng=rng)
        notes = rows.notes
        if sum(blacked):
            notes += (f"{sum(blacked)} of {n} images were blacked out by the safety checker; they count as drawn",)
        return drawn.noting(*notes)

    def _images(self, seeds: list[int], chosen: list[int] | None, rows: PictureRows, blacked: list[int]) -> Any:
        import torch

        generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        if chosen is None or self._prompts is None:
            said: dict[str, Any] = {"batch_size": len(seeds)}
        else:
            said = {"prompt": [self._prompts[at] for at in chosen]}
        output = self._source(**said, generator=generators, output_type="pil")
        images = output[0] if isinstance(output, tuple) else getattr(output, "images", None)
        if not holds_pictures(images) or not isinstance(images, Sequence) or len(images) != len(seeds):
            raise SamplerContractError(
                f"{self.name} must return one image per row as .images",
                received=f"{len(images)} for {len(seeds)}" if isinstance(images, Sequence) else type(output).__name__,
                remedy="Leave output_type and num_images_per_prompt as they are.",
            )
        flags = getattr(output, "nsfw_content_detected", None)
        blacked.append(sum(map(bool, flags)) if isinstance(flags, list | tuple) else 0)
        return rows.stacked(images, "a batch")


def _dealt(kinds: int, n: int, rng: np.random.Generator) -> Any:
    """Deal out ``n`` places among ``kinds``, equally often up to one, in random order."""
    decks = [rng.permutation(kinds) for _ in range(-(-n // kinds))]
    return rng.permutation(np.concatenate(decks)[:n])


def _checked(prompts: Any) -> list[str]:
    listed = [prompts] if isinstance(prompts, str) else list(prompts)
    if not listed or not all(isinstance(prompt, str) and prompt.strip() for prompt in listed):
        raise ConfigError("`prompts` must be texts", received=f"{len(listed)} entries", remedy="Pass a list of them.")
    return listed


def _called(source: Any) -> str:
    inner = source.func if isinstance(source, functools.partial) else source
    return str(getattr(inner, "__name__", type(inner).__name__))


SAMPLER = SamplerSpec(
    name="diffusion_pipeline",
    summary="A diffusers pipeline, called with a generator per image; prompts= for those that take text.",
    accepts=accepts,
    open=open_pipeline,
    priority=-45,
)
