"""Defects of other suites as regression cases: the input that trips them, and what is right.

`DEFECTS` names the case of each; where one stood elsewhere before, it is named with its file. What concerns nothing
that is computed here (resizing of their images, hosted weights, hangs of several devices) is left out.
"""

from __future__ import annotations

import math
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from agreement import agrees, close
from frozen_values import frozen, shifted_normals
from numpy.typing import NDArray
from scipy import stats

from gandiag.core.comparison import Comparison
from gandiag.core.results import Measurement
from gandiag.errors import ShapeError, TooFewSamplesError
from gandiag.inference.nulls import summarise_null
from gandiag.metrics import authenticity, c2st, data_copying, frechet, kid, ndb
from gandiag.metrics.inception_score import inception_score
from gandiag.metrics.inception_score import measure as measure_inception
from gandiag.metrics.vendi import vendi_score
from gandiag.metrics.wasserstein import wasserstein_distance
from gandiag.numerics.balls import neighbourhoods
from gandiag.numerics.binomial import fisher_p
from gandiag.numerics.contingency import chi_square_homogeneity
from gandiag.numerics.diversity import effective_number, kernel_eigenvalues
from gandiag.numerics.frechet_distance import frechet_distance, frechet_from_moments
from gandiag.numerics.moments import Moments
from gandiag.numerics.transport import wasserstein_1d
from gandiag.sources import open_sampler

Matrix = NDArray[np.float64]

TESTS = Path(__file__).parents[1]
SOURCES = TESTS.parent / "gandiag"

DEFECTS = {
    # what others do: the case, here or elsewhere
    "dgm-eval: inception score of the real rows": "test_the_inception_score_is_of_the_generated_rows",
    "dgm-eval: a variance that is a standard deviation": "test_a_spread_is_named_for_what_it_is",
    "torchmetrics, clean-fid, stylegan3: global generators": "test_global_generators_are_neither_read_nor_moved",
    "vendi-score: the order is ignored": "test_the_order_of_a_vendi_score_counts",
    "vendi-score: eigenvalues of rounding": "test_eigenvalues_of_rounding_are_no_diversity",
    "synthcity: one is added to proportions": "numerics/test_histograms.py::"
    "test_disjoint_columns_are_as_far_apart_as_can_be",
    "synthcity: padding with rows of zeros": "test_unequal_sizes_are_not_padded",
    "synthcity: failed metrics vanish": "test_evaluate.py::test_a_failing_metric_is_reported_and_the_others_stand",
    "synthcity, SDMetrics: a test of proportions": "test_tests_of_counts_are_given_counts",
    "torchmetrics: a copy has the best score": "test_a_copy_has_the_worst_score",
    "torchmetrics: raw moments": "conformance/test_frozen.py::"
    "test_the_streamed_frechet_distance_far_from_the_origin_where_raw_moments_fail",
    "torcheval: one image is perfect": "test_one_row_is_refused",
    "torcheval: moments in single precision": "numerics/test_moments.py::"
    "test_float32_rows_lose_what_their_products_lose_and_no_more",
    "stylegan3: covariances over n": "test_covariances_are_over_one_row_less",
    "clean-fid: counts are rounded up to whole batches": "test_as_many_rows_are_drawn_as_were_asked_for",
    "NDB: cells empty on both sides": "test_cells_that_are_empty_on_both_sides_count_nowhere",
    "NDB: tests without control": "metrics/test_ndb.py::"
    "test_the_tests_keep_their_level_and_the_raw_count_alarms_every_other_time",
    "prdc: all rows equal": "numerics/test_balls.py::test_all_equal_rows_under_both_rules",
    "KID: the spread over subsets as an error": "metrics/test_kid.py::"
    "test_the_interval_covers_and_the_spread_over_subsets_does_not",
    "pytorch-fid and its copies: complex roots": "test_few_rows_and_a_collapsed_side_give_a_number",
    "SciPy 1.11.2 and 1.18: the matrix root": "test_no_matrix_root_is_called",
    "torch-fidelity: negative distances": "test_equal_rows_of_low_rank_are_not_below_zero",
    "pytorch-fid: features of one axis": "test_features_of_one_axis_are_refused",
    "torch-fidelity: means in single precision": "numerics/test_frechet_distance.py::"
    "test_far_from_the_origin_float32_features_give_what_is_stored_where_the_peer_is_a_fifth_off",
    "torchmetrics, torch-fidelity: ranges of images": "test_evaluate.py::test_images_in_other_units_are_refused",
    "torchmetrics, torch-fidelity: batch sizes": "samplers/test_torch_sources.py::"
    "test_modules_do_not_depend_on_the_batch_size",
    "torch-fidelity: precision and recall exchanged": "conformance/test_torch_fidelity.py::"
    "test_a_collapsed_generator_is_precise_and_recalls_little",
    "several: fewer rows than splits or neighbours": "test_too_few_rows_say_so",
    "StyleGAN2, BigGAN: compared with the training set": "test_api.py::"
    "test_a_training_set_that_holds_the_real_rows_takes_the_p_values",
    "alibi-detect: p-values of zero": "inference/test_permutation.py::test_a_p_value_is_never_zero",
    "Evidently: a null of the reference alone": "test_a_null_of_the_reference_alone_alarms_too_often",
    "sbi: constant columns": "test_constant_columns_do_not_cost_the_classifier_its_answer",
    "sbi: an arbitrary tolerance": "test_a_tenth_from_chance_is_far_from_chance",
    "SDMetrics: a sample of the training set hides leaks": "test_the_whole_training_set_is_searched",
    "SDMetrics: another number at every call": "test_evaluate.py::"
    "test_one_seed_gives_one_report_and_another_seed_another",
    "hyppo: a root in the energy statistic": "conformance/test_frozen.py::"
    "test_hyppos_energy_statistic_is_a_root_by_mistake",
    "hyppo: no edge is longer than 1e7": "conformance/test_frozen.py::test_hyppos_runs_are_the_joining_edges_and_one",
    "geomloss: distances of at least 1e-4": "conformance/test_frozen.py::"
    "test_geomloss_energy_and_gaussian_losses_are_halves",
    "Alaa et al.: distances looked up by the wrong number": "metrics/test_authenticity.py::"
    "test_a_perfect_sampler_on_the_torus_has_the_known_score",
    "FLD: an authenticity less 50": "metrics/test_authenticity.py::test_an_exact_copy_scores_zero_which_is_the_worst",
    "FLD: cells that one side alone has": "test_training_cells_that_no_held_out_row_reaches_do_no_harm",
    "MMDAgg: another kernel's p-value": "metrics/test_mmd_agg.py::"
    "test_details_name_the_kernels_that_exceed_their_own_quantile",
    "sbibm: accuracy over folds without a null": "metrics/test_c2st.py::"
    "test_cross_validated_accuracy_against_a_binomial_rejects_too_often",
    "PRD: clusters of the rows under test": "metrics/test_prd.py::"
    "test_cluster_p_values_are_uniform_and_those_of_clusters_fitted_on_real_are_not",
    "VEEGAN, PacGAN: one row captures a mode": "metrics/test_modes_captured.py::"
    "test_a_leaking_rule_inflates_the_raw_count_and_not_the_corrected_one",
    "several: a biased discrepancy without its name": "numerics/test_kernels.py::"
    "test_both_estimators_agree_with_double_loops_and_differ_from_each_other",
    "scipy: no Jensen-Shannon distance of nearly equal laws": "conformance/test_scipy.py::"
    "test_laws_that_differ_by_rounding_have_a_distance_of_ours_and_none_of_the_peer",
}


def test_every_defect_has_its_case() -> None:
    missing = []
    for defect, place in DEFECTS.items():
        path, _, name = place.rpartition("::")
        source = (TESTS / path if path else Path(__file__)).read_text()
        missing += [] if f"\ndef {name}(" in source else [defect]
    assert missing == []


def pair(real: Matrix, fake: Matrix, **more: Any) -> Comparison:
    return Comparison(real=real, fake=fake, fit=more.pop("fit", real), **more)


def p_of(found: Measurement, draws: int = 199) -> float:
    null = summarise_null(found, draws=draws, rng=np.random.default_rng(1))
    assert null.p_value is not None
    return null.p_value.value


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


# -- distances of Gaussians


@pytest.mark.usefixtures("torchvision_schemas")
def test_equal_rows_of_low_rank_are_not_below_zero() -> None:
    """toshas/torch-fidelity#44, #64: minus a millionth and the like, from eigenvalues of a deficient product."""
    torch = pytest.importorskip("torch")
    peer = pytest.importorskip("torch_fidelity.metric_fid")
    rows = rng().normal(size=(20, 64))
    state = peer.fid_features_to_statistics(torch.from_numpy(rows))
    assert peer.fid_statistics_to_metric(state, state, False)["frechet_inception_distance"] < -1e-7
    assert 0.0 <= frechet_distance(rows, rng().permutation(rows)) < 1e-11 * np.square(rows).sum() / 19


def test_few_rows_and_a_collapsed_side_give_a_number() -> None:
    """bioinf-jku/TTUR#4, mseitzer/pytorch-fid#13: the root of a deficient product is complex where it matters most."""
    from scipy.linalg import sqrtm

    real, fake = rng().normal(size=(2, 20, 64))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        root = sqrtm(np.cov(real, rowvar=False) @ np.cov(fake, rowvar=False))
    assert np.iscomplexobj(root)
    assert frechet_distance(real, fake) > 0.0
    # All mass on one point: the squared distance to it and the whole spread of the other side.
    expected = np.square(real.mean(axis=0) - 0.3).sum() + np.cov(real, rowvar=False).trace()
    agrees(frechet_distance(real, np.full((30, 64), 0.3)), expected, rel=1e-11)


def test_no_matrix_root_is_called() -> None:
    """pytorch-fid#103, MONAI#9076: a release of SciPy returned 1e114, and another took an argument away."""
    found = [path.name for path in SOURCES.rglob("*.py") if "sqrtm" in path.read_text()]
    assert found == []


def test_features_of_one_axis_are_refused() -> None:
    """nano-world-model#19: taken for one row or one column, they are at almost no distance."""
    rows = rng().normal(size=(40, 16))
    other = rows + 2.0
    flat = abs(other.mean() - rows.mean()) ** 2 + (other.std(ddof=1) - rows.std(ddof=1)) ** 2
    assert flat < 0.1 * frechet_distance(rows, other)
    with pytest.raises(ShapeError, match="matrix of shape"):
        frechet_distance(rows.ravel(), other.ravel())


def test_one_row_is_refused() -> None:
    """torcheval: fewer than two images warn and are 0, the score of a perfect generator."""
    rows = rng().normal(size=(9, 3))
    for few in (rows[:1], rows[:0]):
        with pytest.raises(TooFewSamplesError, match="at least 2 rows"):
            frechet_distance(rows, few)
        with pytest.raises(TooFewSamplesError, match="at least 2 rows"):
            frechet_from_moments(Moments.of(rows), Moments.empty(3).update(few))


def test_covariances_are_over_one_row_less() -> None:
    """stylegan3 divides by n: a pair and two such pairs have variances of 2 and 4/3, and it sees no difference."""
    one, two = np.array([[0.0], [2.0]]), np.array([[0.0], [2.0], [0.0], [2.0]])
    agrees(frechet_distance(one, two), (math.sqrt(2) - math.sqrt(4 / 3)) ** 2, rel=1e-12)
    assert one.std() == two.std()


# -- which rows, how many, from which generator


def test_the_inception_score_is_of_the_generated_rows() -> None:
    """dgm-eval: an index without its offset, and the first generator is given the score of the real rows."""
    real, fake = np.tile(np.eye(10), (3, 1)), np.tile(np.eye(10)[:2], (15, 1))
    found = measure_inception(pair(real, fake), rng=rng())
    agrees([found.estimate, found.details["real"]], [2.0, 10.0], rel=1e-12)


def test_a_spread_is_named_for_what_it_is() -> None:
    """dgm-eval: a field "variance" holds a standard deviation."""
    real, fake = shifted_normals(60, 50)
    subsets = kid.measure(pair(real, fake), rng=rng(), subsets=5).details["subsets"]
    assert "variance" not in subsets
    again = kid.subset_distances(real, fake, subsets=5, size=50, rng=rng())
    agrees([subsets["sd"], subsets["mean"]], [again.std(), again.mean()], rel=1e-12)
    rows = rng().dirichlet(np.ones(4), size=40)
    by_split = [inception_score(rows[k : k + 10]) for k in range(0, 40, 10)]
    agrees(measure_inception(pair(rows, rows), rng=rng(), splits=4).details["sd_of_splits"], np.std(by_split), rel=1e-9)


def test_global_generators_are_neither_read_nor_moved() -> None:
    """torchmetrics, clean-fid, stylegan3 and dgm-eval draw subsets from global generators that nobody seeds."""
    torch = pytest.importorskip("torch")
    real, fake = shifted_normals(200, 200, 4)
    found = []
    for seed in (1, 2):
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            before = torch.get_rng_state()
            np.random.seed(seed)  # noqa: NPY002
            state = np.random.get_state()[1].copy()  # type: ignore[index, union-attr]  # noqa: NPY002
            subsets = kid.measure(pair(real, fake), rng=rng(3), subsets=4).details["subsets"]
            limit = frechet.measure(pair(real, fake), rng=rng(3)).details["infinity"]
            found.append((subsets, limit))
            assert torch.equal(torch.get_rng_state(), before)
            np.testing.assert_array_equal(np.random.get_state()[1], state)  # type: ignore[index]  # noqa: NPY002
    assert found[0] == found[1]
    assert kid.measure(pair(real, fake), rng=rng(4), subsets=4).details["subsets"]["mean"] != found[0][0]["mean"]


@pytest.mark.parametrize("n", [1, 99, 100, 101])
def test_as_many_rows_are_drawn_as_were_asked_for(n: int) -> None:
    """clean-fid: the number of generated images is rounded up to whole batches."""
    sampler = open_sampler(lambda n, rng: rng.normal(size=(n, 2)), batch_size=25)
    assert len(sampler.sample(n, rng=rng())) == n


# -- diversity, divergences, transport


def test_the_order_of_a_vendi_score_counts() -> None:
    """vendi-score: the entry point for features passes q=1 on, whatever was asked for."""
    rows, _ = shifted_normals(30, 30, 4)
    theirs = frozen("vendi_score")["features"]
    assert len(set(theirs.values())) == 1
    ours = {q: vendi_score(rows, q) for q in (0.5, 1.0, 2.0)}
    assert ours[0.5] > ours[1.0] + 0.1 > ours[2.0] + 0.2
    counts = np.repeat(np.eye(3), [3, 1, 2], axis=0)
    agrees([vendi_score(counts), vendi_score(counts, 2.0)], [2.749459, 2.571429], rel=1e-6)


def test_eigenvalues_of_rounding_are_no_diversity() -> None:
    """vendi-score: eigenvalues of 1e-17 on either side of 0; their roots are counted, or logarithms of them taken."""
    rows, _ = shifted_normals(30, 30, 4)
    values = frozen("vendi_score")
    assert not close(values["kernel"]["0.5"], values["dual"]["0.5"], rel=1e-8)
    agrees(vendi_score(rows, 0.5), values["dual"]["0.5"], rel=1e-12)
    same = np.ones((50, 50))
    assert [effective_number(kernel_eigenvalues(same), q) for q in (0.1, 1.0, 2.0)] == pytest.approx([1.0] * 3)
    assert effective_number(np.array([1.0, -1e-17, 1e-17]), 0.1) == pytest.approx(1.0)


def test_unequal_sizes_are_not_padded() -> None:
    """synthcity: the smaller side is filled up with rows of zeros."""
    real = rng().normal(size=(40, 2)) + 5.0
    fake = real[:20]
    padded = np.concatenate([fake, np.zeros((20, 2))])
    assert wasserstein_distance(np.repeat(fake, 2, axis=0), fake) < 1e-12
    assert wasserstein_distance(real, fake) < 1.0 < 3.0 < wasserstein_distance(real, padded)


# -- tests that are not tests


def test_tests_of_counts_are_given_counts() -> None:
    """SDMetrics#70, #163 and synthcity: a chi-square test of proportions has no rows to speak of: p = .89."""
    real, fake = np.array([500, 300, 200]), np.array([300, 300, 400])
    assert stats.chisquare(real / 1000, fake / 1000).pvalue == pytest.approx(0.89, abs=0.005)
    statistic = chi_square_homogeneity(real[:, None].astype(float), (real + fake).astype(float))[0]
    peer = stats.chi2_contingency([real, fake])
    agrees(statistic, peer.statistic, rel=1e-12)
    assert peer.pvalue < 1e-25
    rows = [np.repeat(np.arange(3.0), side)[:, None] for side in (real, fake)]
    assert p_of(ndb.measure(pair(*rows), rng=rng(), by="rows")) == 1 / 200


def test_a_null_of_the_reference_alone_alarms_too_often() -> None:
    """eth-easl/modyn#414: resamples of the reference are nearer to it than any fresh sample of its law is."""
    generator = rng(7)
    alarms = 0
    for _ in range(60):
        real, fake = generator.normal(size=(2, 60))
        null = [wasserstein_1d(real, generator.choice(real, 60)) for _ in range(40)]
        alarms += np.mean(np.array(null) >= wasserstein_1d(real, fake)) <= 0.05
    assert alarms > stats.binom.ppf(1 - 1e-4, 60, 0.05)


def test_constant_columns_do_not_cost_the_classifier_its_answer() -> None:
    """sbi-dev/sbi#1204: a column without spread was divided by it, and the accuracy was no number."""
    real, fake = shifted_normals(80, 80, 3)
    fake += 0.6
    plain = c2st.measure(pair(real, fake), rng=rng())
    constant = [np.column_stack([np.full(80, 7.0), side, np.zeros(80)]) for side in (real, fake)]
    found = c2st.measure(pair(*constant), rng=rng())
    assert plain.estimate is not None
    assert found.estimate == pytest.approx(plain.estimate, abs=0.1)
    assert p_of(found) <= 0.05


def test_a_tenth_from_chance_is_far_from_chance() -> None:
    """sbi#190: "within 0.1 of one half" passes at .58, seven standard deviations off with 1000 rows a side."""
    assert 0.08 / math.sqrt(0.25 / 2000) > 7
    assert fisher_p(580, 1000, 420, 1000) < 1e-11
    assert fisher_p(511, 1000, 489, 1000) > 0.1


def test_cells_that_are_empty_on_both_sides_count_nowhere() -> None:
    """NDB: nothing over nothing in the z-score of a cell without rows."""
    generator = rng(6)
    fit = np.concatenate([generator.normal(size=(100, 2)), generator.normal(size=(100, 2)) + 100.0])
    real, fake = generator.normal(size=(2, 150, 2))
    found = ndb.measure(pair(real, fake, fit=fit), rng=rng(), bins=10)
    assert found.details["cells"] < 10
    assert np.isfinite(found.arrays["scores"]).all()
    assert np.isfinite([found.estimate, found.details["jsd"], found.details["holm_p"]]).all()


# -- copies


def test_a_copy_has_the_worst_score() -> None:
    """torchmetrics: a copy of the training set has a distance of 0, and with it the best memorisation-informed one."""
    values = frozen("torchmetrics")
    assert values["mifid_of_a_copy"] == 0.0 < values["mifid"]
    generator = rng(8)
    train, real, fresh = generator.normal(size=(3, 120, 3))
    copied = authenticity.measure(pair(real, train.copy(), train=train), rng=rng())
    honest = authenticity.measure(pair(real, fresh, train=train), rng=rng())
    assert copied.estimate == 0.0 < 0.3 < (honest.estimate or 0.0)
    assert p_of(copied) < 1e-6
    assert p_of(honest) > 0.01


def test_training_cells_that_no_held_out_row_reaches_do_no_harm() -> None:
    """FLD: cells are counted by the held-out rows' labels and looked up by the training rows' largest one."""
    generator = rng(9)
    train = generator.normal(size=(150, 2)) + np.where(np.arange(150) < 40, 60.0, 0.0)[:, None]
    real, fake = generator.normal(size=(2, 100, 2))
    for sides in ((real, fake), (real, fake + 60.0)):
        found = data_copying.measure(pair(*sides, train=train), rng=rng())
        assert found.estimate is not None
        assert np.isfinite(found.estimate)


def test_the_whole_training_set_is_searched() -> None:
    """SDMetrics#934: leaks are looked for in a sample of the training set, and missed outside it."""
    train = rng().normal(size=(4000, 6))
    leaked = train[[5, 1999, 3999]]
    assert authenticity.authentic(leaked, train).tolist() == [False] * 3
    tenth = rng(1).permutation(4000)[:400]
    assert authenticity.authentic(leaked, train[np.setdiff1d(tenth, [5, 1999, 3999])]).any()


# -- few rows


def test_too_few_rows_say_so() -> None:
    """pytorch-image-generation-metrics#5, prdc#3, torch-fidelity#45: no number, an assertion, or an index error."""
    rows = rng().dirichlet(np.ones(4), size=6)
    with pytest.raises(TooFewSamplesError, match="10 splits need as many rows"):
        inception_score(rows, splits=10)
    assert measure_inception(pair(rows, rows), rng=rng(), splits=10).status == "undefined"
    with pytest.raises(TooFewSamplesError, match="more than 5 rows"):
        neighbourhoods(rows[:5], rows, k=5)
    assert kid.measure(pair(rows, rows[:2]), rng=rng(), subsets=3).details["subsets"]["size"] == 2
