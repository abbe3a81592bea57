"""All verdicts of a run and of the paper: correction, frames, sentences."""

import copy
import json
from dataclasses import replace

import numpy as np
import pytest

from tests.judged import HIGH, N, fids, run, statement
from workflow.report.paper import paper
from workflow.report.verdict import claims
from workflow.report.verdict import judge as judging
from workflow.report.verdict.compare import Effect
from workflow.report.verdict.evidence import Evidence
from workflow.report.verdict.judge import (
    as_json,
    corrected,
    details_frame,
    judge_all,
    judged_frame,
    summary_sentence,
)
from workflow.report.verdict.outcome import judge


def test_the_papers_own_numbers_go_through_the_rule():
    printed = Evidence(paper().methods)
    words = {
        s.id: judge(s.cells, printed).word for s in claims.load_statements() if not s.not_testable
    }
    # Printed without errors: signs. 103 and 104 are below 168, 262, 174; 0.50 is below 0.51.
    assert words["vim_generates_best"] == words["n_reconstructs_better"] == "holds, by sign"
    assert words["low_beta_worse"] == "contradicted, by sign"
    # 88 against 86 of 1,000 images: binomial errors of 1.0 and 1.1 points decide nothing.
    assert words["l_most_robust"] == words["noise_helps"] == "undecided"
    assert words["clean_good"] == "contradicted on this seed"  # the VAE's 80 against 93
    assert words["informative_generator"] == "not tested"


def test_accuracies_of_the_paper_have_binomial_errors():
    grid = Evidence(paper().methods).grid(statement("vimae_comparable").cells[0])
    share = 0.93
    on_logits = 1 / np.sqrt(1000 * share * (1 - share))
    assert np.sqrt(grid.covariance[3, 3]) == pytest.approx(on_logits)


def test_holm_undoes_what_many_looks_would_find():
    scores = {"fid.fid.test": fids(), "fid.kid.test": fids()}
    judged = judge_all(run(scores, 3))
    tested = [j for j in judged if j.alone.p is not None]
    smallest = min(tested, key=lambda j: j.alone.p)
    assert smallest.p_holm == pytest.approx(min(1, len(tested) * smallest.alone.p))
    weak = [replace(tested[0], alone=replace(tested[0].alone, verdict="holds", p=0.03))] * 2
    assert {j.outcome.verdict for j in corrected(weak)} == {"undecided"}
    assert {j.outcome.verdict for j in corrected(weak[:1])} == {"holds"}


def test_the_same_content_is_judged_once_and_another_anew(monkeypatch):
    judged, original = [], judging.judge_statement
    monkeypatch.setattr(
        judging, "judge_statement", lambda s, *more: judged.append(s.id) or original(s, *more)
    )
    metrics = run({"fid.fid.test": fids()}, 3) | {"preset": "of this test alone"}
    first = {j.statement.id: j.outcome for j in judge_all(metrics)}
    assert {j.statement.id: j.outcome for j in judge_all(copy.deepcopy(metrics))} == first
    assert len(judged) == len(set(judged)) == len(first)
    own = metrics["datasets"]["cifar10"]["methods"]
    own[N], own[HIGH] = own[HIGH], own[N]  # in place
    second = {j.statement.id: j.outcome for j in judge_all(metrics)}
    assert first["vim_generates_best"].verdict == "holds"
    assert second["vim_generates_best"].verdict == "contradicted"


def test_frames_sentence_and_json_agree():
    metrics = run({"fid.fid.test": fids()}, 3)
    judged = judge_all(metrics)
    frame = judged_frame([("record", metrics), ("run", metrics)])
    assert list(frame["statement"]) == [s.statement for s in claims.load_statements()]
    row = frame[frame["words"].str.contains("best generative performance")].iloc[0]
    assert row["verdict"].startswith("holds")
    assert row["record"].startswith("holds")
    assert row["effect"].startswith("vimae_l vs vae, CIFAR10: -2")
    # Table I prints 104 and 168.
    assert row["paper's effect"].startswith(f"{100 * (104 / 168 - 1):+.1f} %")
    assert "3 seeds" in row["measured on"] and "not run: FID on CelebA" in row["measured on"]
    assert "1 hold" in summary_sentence(judged, metrics)
    stored = json.loads(json.dumps(as_json(judged)))
    assert [entry["id"] for entry in stored] == [s.id for s in claims.load_statements()]
    assert set(details_frame(judged)["statement"]) <= set(frame["statement"])


def test_effects_are_told_in_words():
    assert str(Effect("a vs b", -18.23, (-25.0, -10.5), "%")) == "-18.2 % (-25.0 to -10.5)"
    assert str(Effect("a vs b", 0.00123, None, "")) == "+0.0012"
    # The end that is beside zero says on which side of it; a difference of none at all is zero.
    assert str(Effect("a vs b", 3.23, (-0.034, 6.5), "points")) == "+3.23 points (-0.03 to +6.50)"
    assert str(Effect("a vs b", 0.0, (0.0, 0.0), "%")) == "+0.0 % (+0.0 to +0.0)"
