"""Fréchet distance as a stream: mean and covariance of either side, merged without loss."""

from __future__ import annotations

from gandiag.core.streams import StreamSpec
from gandiag.streaming._frechet import DIFFERS, finish
from gandiag.streaming._moments import MOMENTS

STREAM = StreamSpec(name="frechet", state=MOMENTS, finish=finish, differs=DIFFERS)
