"""Small trained models that ship with the package, as samplers by name: ``model:vae-digits``.

They are there to try things on, and to have a real generator in a test without training one. Each checkpoint says what
it was trained on, for how long, and what it scored.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from gandiag.core.protocols import Sampler
from gandiag.core.specs import DatasetSpec

FOLDER = Path(__file__).parents[1] / "checkpoints"


def _opener(name: str) -> Callable[[], Sampler]:
    def opened() -> Sampler:
        from reference_models.core.trained import load

        trained = load(FOLDER / f"{name}.safetensors")
        trained.name = f"model:{name}"
        return trained

    return opened


def _spec(name: str, summary: str) -> DatasetSpec:
    return DatasetSpec(name=name, summary=summary, scheme="model", open=_opener(name), source="reference_models")


VAE_DIGITS = _spec("vae-digits", "A variational autoencoder trained on digits of 8 by 8.")
GAN_DIGITS = _spec("gan-digits", "A convolutional GAN trained on digits of 8 by 8.")
WGAN_DIGITS = _spec("wgan-digits", "A Wasserstein GAN with gradient penalty trained on digits of 8 by 8.")
CYCLEGAN_DIGITS = _spec("cyclegan-digits", "A CycleGAN between two domains of digits: its translations of the first.")


def ship(run: Path, name: str, scores: dict[str, float]) -> Path:
    """Put a run's networks, without its optimisers, among those that ship, with what they scored."""
    from reference_models.core.checkpoint import Checkpoint, read_checkpoint, write_checkpoint

    saved = read_checkpoint(run / "checkpoint.safetensors")
    kept = {key: value for key, value in saved.tensors.items() if key.startswith(("net/", "ema/"))}
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{name}.safetensors"
    write_checkpoint(path, Checkpoint(tensors=kept, facts={**saved.facts, "scores": scores}))
    return path
