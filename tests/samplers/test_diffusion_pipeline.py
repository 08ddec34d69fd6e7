"""Diffusion pipelines by their call: a stand-in always, the library itself where it is installed."""

from __future__ import annotations

import functools
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from gandiag.core.samples import SampleSet
from gandiag.errors import ConfigError, SamplerContractError, SamplerRaised
from gandiag.sources import open_sampler


def painted(generators: list[torch.Generator], shift: int = 0) -> list[Image.Image]:
    """One image per generator, of its own randomness."""
    values = [torch.randint(0, 100, (3, 5, 3), generator=g).numpy().astype(np.uint8) + shift for g in generators]
    return [Image.fromarray(v.astype(np.uint8)) for v in values]


class Unconditional:
    def __init__(self) -> None:
        self.calls: list[int] = []

    def __call__(self, batch_size: int = 1, generator: Any = None, steps: int = 5, output_type: str = "pil") -> Any:
        assert output_type == "pil"
        self.calls.append(batch_size)
        return SimpleNamespace(images=painted(generator))


class Conditioned:
    def __init__(self, flagged: frozenset[str] = frozenset(), tuples: bool = False) -> None:
        self.said: list[str] = []
        self.flagged, self.tuples = flagged, tuples

    def __call__(
        self, prompt: Any = None, generator: Any = None, output_type: str = "pil", num_images_per_prompt: int = 1
    ) -> Any:
        self.said += prompt
        images = painted(generator * num_images_per_prompt, shift=0)
        flags = [p in self.flagged for p in prompt]
        images = [Image.new("RGB", (5, 3)) if f else i for f, i in zip(flags, images, strict=False)] or images
        if num_images_per_prompt > 1:
            images = painted(generator * num_images_per_prompt)
        return (images, flags) if self.tuples else SimpleNamespace(images=images, nsfw_content_detected=flags)


def draw(source: object, n: int, seed: int = 0, **options: object) -> SampleSet:
    return open_sampler(source, **options).sample(n, rng=np.random.default_rng(seed))


def test_draws_repeat_and_do_not_depend_on_the_batch_size() -> None:
    pipe = Unconditional()
    samples = draw(pipe, 20)
    assert pipe.calls == [8, 8, 4]
    assert (samples.kind, samples.shape, samples.values.dtype, samples.lag) == ("image", (3, 5, 3), np.uint8, 1)
    assert samples.value_range == (0.0, 255.0)
    np.testing.assert_array_equal(draw(Unconditional(), 20, batch_size=3).values, samples.values)
    assert not np.array_equal(draw(pipe, 20, seed=1).values, samples.values)
    assert len(np.unique(samples.values.reshape(20, -1), axis=0)) == 20


def test_prompts_are_used_equally_often_in_random_order() -> None:
    pipe, prompts = Conditioned(), ["a", "b", "c"]
    samples = draw(pipe, 20, prompts=prompts)
    assert sorted(Counter(pipe.said).values()) == [6, 7, 7]
    assert pipe.said[:3] != prompts or pipe.said[3:6] != prompts
    assert "3 prompts, used equally often" in samples.notes
    again = Conditioned(tuples=True)
    np.testing.assert_array_equal(draw(again, 20, prompts=prompts, batch_size=7).values, samples.values)
    assert again.said == pipe.said


def test_prompts_are_asked_for_exactly_where_they_are_taken(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Conditioned needs prompts to draw from; got none"):
        open_sampler(Conditioned())
    with pytest.raises(ConfigError, match="Unconditional takes no prompts"):
        open_sampler(Unconditional(), prompts="a cat")
    for wrong in ([], [""], [3]):
        with pytest.raises(ConfigError, match="`prompts` must be texts"):
            open_sampler(Conditioned(), prompts=wrong)
    (tmp_path / "pipe.py").write_text(
        "import torch\nfrom types import SimpleNamespace\nfrom PIL import Image\n"
        "def pipe(prompt, generator, output_type='pil'):\n"
        "    assert {p in ('a cat', 'a dog') for p in prompt} == {True}\n"
        "    return SimpleNamespace(images=[Image.new('RGB', (2, 2), (int(torch.randint(256, (), generator=g)),) * 3)"
        " for g in generator])\n"
    )
    (tmp_path / "p.txt").write_text("a cat\n\n  a dog \n")
    assert len(draw(f"{tmp_path}/pipe.py:pipe?prompts={tmp_path}/p.txt", 5)) == 5


def test_what_the_safety_checker_blacks_out_is_counted() -> None:
    samples = draw(Conditioned(flagged=frozenset({"b"})), 20, prompts=["a", "b"])
    assert "10 of 20 images were blacked out by the safety checker; they count as drawn" in samples.notes
    assert int((samples.values.reshape(20, -1).max(axis=1) == 0).sum()) == 10


def test_arguments_are_fixed_with_partial_and_other_counts_are_refused() -> None:
    pipe = Unconditional()
    fixed = functools.partial(pipe, steps=2)
    np.testing.assert_array_equal(draw(fixed, 5).values, draw(pipe, 5).values)
    with pytest.raises(SamplerContractError, match=r"one image per row as \.images; got 16 for 8"):
        draw(functools.partial(Conditioned(), num_images_per_prompt=2), 8, prompts="a")

    def other(batch_size: int, generator: Any, output_type: str) -> Any:
        return 1 / 0 if batch_size == 2 else SimpleNamespace(images="none")

    with pytest.raises(SamplerContractError, match="one image per row"):
        draw(other, 3)
    with pytest.raises(SamplerRaised, match="ZeroDivisionError"):
        draw(other, 2)


def test_the_library_itself() -> None:
    diffusers = pytest.importorskip("diffusers")
    torch.manual_seed(0)
    unet = diffusers.UNet2DModel(
        sample_size=8,
        block_out_channels=(8, 8),
        norm_num_groups=4,
        layers_per_block=1,
        down_block_types=("DownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "UpBlock2D"),
    )
    pipe = diffusers.DDPMPipeline(unet, diffusers.DDPMScheduler(num_train_timesteps=4))
    pipe.set_progress_bar_config(disable=True)
    short = functools.partial(pipe, num_inference_steps=2)
    samples = draw(short, 6)
    assert samples.shape == (8, 8, 3)
    np.testing.assert_allclose(draw(short, 6, batch_size=2).values.astype(int), samples.values, atol=1)
