"""The grammar of conditions: what is read, and how what is not is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gandiag.core.specs import METRICS
from gandiag.errors import ConfigError, UnknownName
from gandiag.gate.conditions import Limit, NoDiagnosis, NotWorse, metrics_of, parse_condition


def test_the_forms_of_the_grammar() -> None:
    assert parse_condition("mode_coverage.missing == 0") == Limit(
        text="mode_coverage.missing == 0", metric="mode_coverage", quantity="missing", comparator="==", limit=0.0
    )
    assert parse_condition("mode_coverage.missing == 0 at margin 2 %").margin == 0.02  # type: ignore[union-attr]
    assert parse_condition("mmd.p >= alpha at margin .01").margin == 0.01  # type: ignore[union-attr]
    assert parse_condition("  coverage>=.9 ") == Limit(
        text="coverage>=.9", metric="coverage", quantity="estimate", comparator=">=", limit=0.9
    )
    assert parse_condition("frechet.excess <= 3e-1").limit == 0.3  # type: ignore[union-attr]
    assert parse_condition("mmd.p >= alpha").is_test  # type: ignore[union-attr]
    assert parse_condition("recall not worse than baseline") == NotWorse(
        text="recall not worse than baseline", metric="recall"
    )
    assert parse_condition("recall not worse than baseline by 5 %") == NotWorse(
        text="recall not worse than baseline by 5 %", metric="recall", margin=0.05, relative=True
    )
    assert parse_condition("no diagnosis above minor") == NoDiagnosis(text="no diagnosis above minor", above="minor")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "must follow the grammar; got nothing"),
        ("coverage", "must follow the grammar; got coverage"),
        ("coverage >= 0.9 or recall >= 0.9", "must follow the grammar"),
        ("coverage => 0.9", "must follow the grammar"),
        ("coverage >= nan", "must follow the grammar"),
        ("coverage >= 1e999", "must be finite"),
        ("mmd.p >= 0.05", "judged against alpha"),
        ("mmd.p < alpha", "limit of p-values alone"),
        ("coverage >= alpha", "limit of p-values alone"),
        ("coverage == 0.9", "cannot be shown from samples"),
        ("coverage != 0.9", "must follow the grammar"),
        ("mode_coverage.reverse_kl <= 0.1", "uncertainty is known; .* that have a test: missing"),
        ("mode_coverage.missing <= 3", "must be none"),
        ("coverage >= 0.9 at margin 0.1", "a margin belongs to a test"),
        ("mmd.p >= alpha at margin 0", "a margin must be above 0"),
        ("no diagnosis above critical", "must be one that can fail"),
        ("recall not worse than baseline by -1", "must be at least 0"),
        ("density not worse than baseline", "must have a better direction"),
    ],
)
def test_what_is_outside_the_grammar_is_refused_with_an_example(text: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        parse_condition(text)


def test_what_is_no_text_is_refused() -> None:
    with pytest.raises(ConfigError, match="must be a line of text; got 3"):
        parse_condition(3)


def test_names_that_do_not_exist_are_told_with_the_nearest() -> None:
    with pytest.raises(UnknownName, match="coverage"):
        parse_condition("coverag >= 0.9")
    with pytest.raises(UnknownName, match="minor"):
        parse_condition("no diagnosis above minro")


@given(
    metric=st.sampled_from(METRICS.names()),
    comparator=st.sampled_from(["<=", "<", ">=", ">"]),
    limit=st.floats(-1e6, 1e6),
    space=st.sampled_from(["", " ", "  "]),
)
def test_a_limit_reads_back_what_was_written(metric: str, comparator: str, limit: float, space: str) -> None:
    found = parse_condition(f"{metric}{space}{comparator}{space}{limit!r}")
    assert isinstance(found, Limit)
    assert (found.metric, found.comparator, found.limit) == (metric, comparator, limit)


def test_each_metric_is_asked_for_once() -> None:
    lines = ("mmd.p >= alpha", "recall >= 0.5", "mmd <= 0.1", "no diagnosis above minor")
    assert metrics_of(tuple(map(parse_condition, lines))) == ("mmd", "recall")
