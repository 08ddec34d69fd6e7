"""The public names: sorted, complete, lazily loaded, typed."""

from __future__ import annotations

import gandiag


def test_every_exported_name_exists_and_is_listed_once() -> None:
    assert list(gandiag.__all__) == sorted(gandiag._HOME)
    for name in gandiag.__all__:
        assert getattr(gandiag, name).__name__ == name


def test_an_unknown_attribute_is_an_attribute_error() -> None:
    assert not hasattr(gandiag, "no_such_name")


def test_public_objects_have_docstrings() -> None:
    assert [n for n in gandiag.__all__ if not (getattr(gandiag, n).__doc__ or "").strip()] == []
