"""The Inception network of the FID, written for fast inference over weights that others trained.

The architecture is Inception-v3 (Szegedy et al. 2016, "Rethinking the inception architecture for computer vision"), as
the graph of 2015-12-05 has it that the FID was defined with: average pools leave the padding out of the mean, and the
last block pools by maximum. Weights are named as torch-fidelity and pytorch-fid name them.

Three rewritings make it fast and change no more than rounding: batch norms are folded into the convolutions (in double
precision), convolutions of one pixel that read the same input are one, and where a pool of averages comes before such
a convolution the two change places, for both are linear and the pool then has fewer channels. Images lie in memory
channels last, and go through the first layers two at a time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gandiag.features._folding import folded, tensor

WIDTH = 2048
CLASSES = 1008
SIDE = 299
_OF = "the TensorFlow Inception network"
_EPSILON = 1e-3  # of the batch norms, where the variance is

# A convolution pads so that the size stays, but for those named with a stride, which do not pad.
_STEM = (
    ("Conv2d_1a_3x3/2", False),
    ("Conv2d_2a_3x3/1", False),
    ("Conv2d_2b_3x3", True),
    ("Conv2d_3b_1x1", False),
    ("Conv2d_4a_3x3/1", True),
)
# Images that go through it together on a processor: their layers, the largest by far, then stay in its cache.
_STEM_ROWS = 2
_A = (("branch1x1",), ("branch5x5_1", "branch5x5_2"), ("branch3x3dbl_1", "branch3x3dbl_2", "branch3x3dbl_3"))
_B = (("branch3x3/2",), ("branch3x3dbl_1", "branch3x3dbl_2", "branch3x3dbl_3/2"))
_C = (
    ("branch1x1",),
    ("branch7x7_1", "branch7x7_2", "branch7x7_3"),
    tuple(f"branch7x7dbl_{i}" for i in range(1, 6)),
)
_D = (("branch3x3_1", "branch3x3_2/2"), ("branch7x7x3_1", "branch7x7x3_2", "branch7x7x3_3", "branch7x7x3_4/2"))
# A name with a bar is two convolutions side by side that read the same.
_E = (
    ("branch1x1",),
    ("branch3x3_1", "branch3x3_2a|branch3x3_2b"),
    ("branch3x3dbl_1", "branch3x3dbl_2", "branch3x3dbl_3a|branch3x3dbl_3b"),
)
_BLOCKS: tuple[tuple[str, Sequence[Sequence[str]], str], ...] = (
    *((f"Mixed_5{letter}", _A, "mean") for letter in "bcd"),
    ("Mixed_6a", _B, "shrink"),
    *((f"Mixed_6{letter}", _C, "mean") for letter in "bcde"),
    ("Mixed_7a", _D, "shrink"),
    ("Mixed_7b", _E, "mean"),
    ("Mixed_7c", _E, "max"),
)


@dataclass(frozen=True, eq=False)
class _Convolution:
    weight: Any
    bias: Any
    stride: int
    padding: tuple[int, int]

    def __call__(self, x: Any) -> Any:
        from torch.nn import functional

        return functional.conv2d(x, self.weight, self.bias, self.stride, self.padding)


@dataclass(frozen=True, eq=False)
class _Block:
    """Branches that read the same input, and whose outputs stand one behind the other.

    Parameters
    ----------
    first : _Convolution or None
        The first convolutions of those branches that begin with one pixel, as one.
    widths : sequence of int
        How many channels each of them has; the last may belong to the pool.
    rests : sequence
        What follows in each of those branches.
    alone : sequence
        Branches that begin otherwise.
    pool : str
        "mean", "max" or "shrink".
    pooled : _Convolution or None
        What follows a pool by maximum.
    """

    first: _Convolution
    widths: Sequence[int]
    rests: Sequence[Sequence[Any]]
    alone: Sequence[Sequence[Any]]
    pool: str
    pooled: _Convolution | None

    def __call__(self, x: Any) -> Any:
        import torch
        from torch.nn import functional

        parts = list(self.first(x).split(list(self.widths), dim=1))
        outputs = [_run(branch, x) for branch in self.alone]
        outputs += [_run(rest, part.relu()) for rest, part in zip(self.rests, parts, strict=False)]
        if self.pool == "mean":
            pooled = functional.avg_pool2d(parts[-1], 3, stride=1, padding=1, count_include_pad=False)
            outputs.append(pooled.relu_())
        elif self.pooled is not None:
            outputs.append(self.pooled(functional.max_pool2d(x, 3, stride=1, padding=1)).relu_())
        else:
            outputs.append(functional.max_pool2d(x, 3, stride=2))
        return torch.cat(outputs, dim=1)


def _run(steps: Sequence[Any], x: Any) -> Any:
    """Do convolutions with their rectifiers; a pair stands side by side."""
    import torch

    for step in steps:
        x = torch.cat([s(x).relu_() for s in step], dim=1) if isinstance(step, tuple) else step(x).relu_()
    return x


class Network:
    """Images (b, 3, 299, 299) of values about -1 to 1, to the 2048 pooled features.

    Parameters
    ----------
    state : mapping of str to tensor
        The weights.
    device : str
    precision : str
        "float32" or "bf16", that of the convolutions.

    Raises
    ------
    FileFormatError
        Where a tensor is lacking, or of another shape.
    """

    def __init__(self, state: Mapping[str, Any], device: str, precision: str) -> None:
        import torch

        self.dtype = torch.bfloat16 if precision == "bf16" else torch.float32
        self.device = device
        self._state = state
        self._stem = [(self._convolution([name]), pools) for name, pools in _STEM]
        self._blocks = [self._block(*block) for block in _BLOCKS]
        weight = tensor(state, "fc.weight", (CLASSES, WIDTH), of=_OF)
        self.classifier = weight.double().numpy().T.copy()
        del self._state

    def __call__(self, images: Any) -> Any:
        """Map images to features, float32 of shape (b, 2048)."""
        import torch

        x = images.to(device=self.device, dtype=self.dtype)
        x = torch.cat([self._begun(part) for part in x.split(len(x) if x.is_cuda else _STEM_ROWS)])
        for block in self._blocks:
            x = block(x)
        return x.float().mean(dim=(2, 3))

    def _begun(self, x: Any) -> Any:
        """Do what comes before the blocks; what is below 0 is cut after pooling, when there is less of it."""
        from torch.nn import functional

        for step, pools in self._stem:
            found = step(x)
            x = (functional.max_pool2d(found, 3, stride=2) if pools else found).relu_()
        return x

    def _block(self, name: str, branches: Sequence[Sequence[str]], pool: str) -> _Block:
        joined = [branch for branch in branches if not branch[0].endswith("/2")]
        firsts = [f"{name}.{branch[0]}" for branch in joined]
        if pool == "mean":
            firsts.append(f"{name}.branch_pool")
        return _Block(
            first=self._convolution(firsts),
            widths=[len(tensor(self._state, f"{first}.conv.weight", of=_OF)) for first in firsts],
            rests=[self._steps(name, branch[1:]) for branch in joined],
            alone=[self._steps(name, branch) for branch in branches if branch not in joined],
            pool=pool,
            pooled=self._convolution([f"{name}.branch_pool"]) if pool == "max" else None,
        )

    def _steps(self, block: str, names: Sequence[str]) -> list[Any]:
        pairs = (name.split("|") for name in names)
        found = [tuple(self._convolution([f"{block}.{one}"]) for one in pair) for pair in pairs]
        return [pair[0] if len(pair) == 1 else pair for pair in found]

    def _convolution(self, names: Sequence[str]) -> _Convolution:
        """Fold the batch norms of convolutions that read the same into one convolution."""
        import torch

        plain = [name.partition("/")[0] for name in names]
        stride = int(names[0].partition("/")[2] or 0)
        parts = [folded(self._state, f"{name}.conv", f"{name}.bn", epsilon=_EPSILON, of=_OF) for name in plain]
        weight, bias = (torch.cat(part) for part in zip(*parts, strict=True))
        height, width = weight.shape[2:]
        weight = weight.to(device=self.device, dtype=self.dtype).contiguous(memory_format=torch.channels_last)
        padding = (0, 0) if stride else (height // 2, width // 2)
        return _Convolution(weight, bias.to(device=self.device, dtype=self.dtype), stride or 1, padding)
