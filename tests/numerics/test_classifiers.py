from __future__ import annotations

import warnings

import numpy as np
import pytest

from gandiag.numerics import logistic
from gandiag.numerics.classifiers import LocalCritic, fit_linear, fit_local, fit_quadratic


@pytest.fixture
def training():
    rng = np.random.default_rng(2)
    rows = np.concatenate([rng.normal(size=(45, 3)), rng.normal(0.7, 1.5, size=(30, 3))])
    return rows, np.repeat([True, False], [45, 30]), rng.normal(size=(40, 3))


def test_linear_critic_is_a_pipeline_written_by_hand_in_scikit_learn(training):
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rows, labels, test = training
    odds = make_pipeline(StandardScaler(), LogisticRegression()).fit(rows, labels).decision_function(test)
    # Equal priors: the training odds 45 to 30 are taken out.
    assert fit_linear(rows, labels).scores(test) == pytest.approx(odds - np.log(45 / 30), abs=1e-6)
    assert fit_linear(rows, labels).scores(test) != pytest.approx(odds, abs=1e-6)


def test_local_critic_is_a_pipeline_written_by_hand_in_scikit_learn(training):
    from sklearn.neighbors import KNeighborsClassifier

    rows, labels, test = training
    share = KNeighborsClassifier(n_neighbors=8).fit(rows, labels).predict_proba(test)[:, 1]
    smoothed = (8 * share + 2 * 0.6) / 10
    critic = fit_local(rows, labels)
    assert critic.neighbours == 8  # the root of 75
    assert critic.scores(test) == pytest.approx(np.log(smoothed / (1 - smoothed)) - np.log(45 / 30), abs=1e-9)


def test_quadratic_critic_is_the_linear_one_on_lifted_rows(training):
    rows, labels, test = training

    def lift(x):
        z = (x - rows.mean(axis=0)) / rows.std(axis=0)
        return np.hstack([z, z**2, (z**2).mean(axis=1, keepdims=True)])

    expected = fit_linear(lift(rows), labels).scores(lift(test))
    assert fit_quadratic(rows, labels).scores(test) == pytest.approx(expected, abs=1e-9)
    assert fit_quadratic(rows, labels).scores(test) != pytest.approx(fit_linear(rows, labels).scores(test), abs=1e-3)


def test_one_far_row_does_not_decide_the_quadratic_critic():
    rng = np.random.default_rng(3)
    rows, labels = rng.normal(size=(200, 2)), np.arange(200) < 100
    rows[100:] *= 2.0
    test = np.concatenate([rng.normal(size=(100, 2)), 2.0 * rng.normal(size=(100, 2))])
    rows[0] = 300.0
    scores = fit_quadratic(rows, labels).scores(test)
    assert scores[:100].mean() > scores[100:].mean()


@pytest.mark.parametrize("fit", [fit_linear, fit_quadratic, fit_local])
def test_the_column_that_differs_weighs_most(fit):
    rng = np.random.default_rng(4)
    rows, labels = rng.normal(size=(300, 5)), np.arange(300) < 150
    rows[labels, 3] += 1.0
    assert fit(rows, labels).column_weights().argmax() == 3


def test_a_column_of_another_scale_weighs_most_for_the_quadratic_critic_alone():
    rng = np.random.default_rng(5)
    rows, labels = rng.normal(size=(600, 4)), np.arange(600) < 300
    rows[labels, 1] *= 3.0
    assert fit_quadratic(rows, labels).column_weights().argmax() == 1
    assert fit_linear(rows, labels).column_weights()[1] < 0.3


def test_neighbours_tied_with_the_last_all_count_whatever_their_order():
    rows = np.array([[0.0], [0.0], [0.0], [0.0], [5.0], [6.0]])
    labels = np.array([True, True, True, False, False, False])
    scores = []
    for order in (np.arange(6), np.arange(6)[::-1]):
        critic = LocalCritic(rows=rows[order], labels=labels[order], neighbours=1)
        scores.append(critic.scores(np.array([[0.1]]))[0])
    # All four equals count: (3 + 1) of (4 + 2).
    assert scores == pytest.approx([np.log(2.0)] * 2, abs=1e-12)


def test_many_rows_are_scored_as_few(training):
    rows, labels, _ = training
    many = np.random.default_rng(6).normal(size=(1100, 3))  # more than one tile
    critic = fit_local(rows, labels)
    assert critic.scores(many)[[0, 600, 1099]] == pytest.approx(critic.scores(many[[0, 600, 1099]]), abs=0)


def test_an_unconverged_critic_says_so_and_changes_no_warning_filter(training, monkeypatch):
    rows, labels, test = training
    assert fit_linear(rows, labels).converged
    monkeypatch.setattr(logistic, "_MOST_ITERATIONS", 1)
    before = list(warnings.filters)
    stopped = fit_linear(rows, labels)
    assert warnings.filters == before
    assert not stopped.converged
    assert not fit_quadratic(rows, labels).converged
    assert np.isfinite(stopped.scores(test)).all()


@pytest.mark.parametrize("fit", [fit_linear, fit_quadratic, fit_local])
@pytest.mark.parametrize("whole", [False, True])
def test_scores_with_a_column_dealt_anew_are_those_of_the_altered_rows(fit, whole):
    rng = np.random.default_rng(4)
    draw = (lambda n: rng.integers(0, 3, size=(n, 6)).astype(float)) if whole else (lambda n: rng.normal(size=(n, 6)))
    rows, labels, test = draw(300), np.arange(300) < 140, draw(700)  # more than one tile
    critic, order = fit(rows, labels), rng.permutation(700)
    found = critic.dealt_scores(test, np.array([4, 1]), order)
    assert found.shape == (2, 700)
    for scores, column in zip(found, (4, 1), strict=True):
        altered = test.copy()
        altered[:, column] = test[order, column]
        assert scores == pytest.approx(critic.scores(altered), abs=1e-9)
        # Another deal is told apart.
        assert scores != pytest.approx(critic.scores(test), abs=1e-9)
