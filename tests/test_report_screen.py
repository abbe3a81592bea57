"""The first screen: one line a statement, in tables.md and in a terminal of any width."""

import pytest

from data.files import write_json
from tests.report_tree import METHODS, write_tree
from workflow.report import screen
from workflow.report.collect import collect
from workflow.report.paper import paper
from workflow.report.text import untested
from workflow.report.text.document import document
from workflow.report.text.statements import (
    COLUMNS,
    MEASURED,
    VERDICT,
    WORDS,
    in_full,
    screen_frame,
)
from workflow.report.verdict import judge
from workflow.report.verdict.claims import load_statements


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """A record of three seeds and a run of one, with the paper's labels."""
    root = tmp_path_factory.mktemp("results")
    params = write_tree(root, [0, 1, 2])
    params["methods"] = [{"name": name, "label": paper().methods[name]} for name in METHODS]
    record = collect(root, params, preset="narrow")
    return [
        ("record", record),
        ("run", collect(root, params | {"seeds": [0]}, preset="quick")),
    ]


def test_one_line_a_statement_with_words_verdict_effects_and_scale(sources):
    frame = screen_frame(sources)
    assert list(frame.columns) == [*COLUMNS, "record"]
    assert (frame.map(len) > 0).all(axis=None)
    tested = [
        entry
        for entry in judge.judge_all(sources[-1][1])
        if not entry.outcome.verdict.startswith("not")
    ]
    assert [text.strip("“”") for text in frame[WORDS]] == [e.statement.quote for e in tested]
    lines = frame.set_index(WORDS)
    best = lines.loc["“the VIM models have the best generative performance”"]
    assert best[MEASURED].startswith("FID, C") and " vs " in best[MEASURED]
    failed = lines.loc["“in the CelebA we was not able to train a model with β > 1”"]
    assert failed[COLUMNS[2]] == "1 of 1 runs failed"
    assert failed[MEASURED] == "FID, CelebA stand-in: β-VAE (β > 1)"


def test_every_statement_is_somewhere_at_the_top_of_the_document(sources):
    text = document(sources, "figures")
    top = text[: text.index("## The paper's tables")]
    assert top.startswith("# ") and "Preset quick, 1 seed: of " in top[:200]
    for statement in load_statements():
        assert statement.quote in top
    order = ["| verdict", "Not tested, and why", "Every statement in full"]
    assert sorted(order, key=top.index) == order
    rest = ["## The paper's tables", "## Figures", "## Where the numbers come from"]
    assert sorted(rest, key=text.index) == rest


def only(metrics: dict, dataset: str) -> dict:
    """The same run of one dataset alone."""
    return metrics | {"datasets": {dataset: metrics["datasets"][dataset]}}


def test_what_was_not_tested_is_a_line_a_reason(sources):
    metrics = only(sources[-1][1], "cifar10")
    judged = judge.judge_all(metrics)
    found = untested.groups(judged, metrics)
    entries = [entry for group in found.values() for entry in group]
    assert sorted(e.statement.id for e in entries) == sorted(
        e.statement.id for e in judged if e.outcome.verdict.startswith("not")
    )
    names = {why: {e.statement.id for e in group} for (_, why), group in found.items()}
    assert names["Omniglot not run"] == {"omniglot_alike", "noise_helps"}
    assert names["MNIST, Omniglot not run"] == {"nll_similar", "elbo_blurry"}
    assert names["error on test minus training images not run"] == {"capacity_overfits"}
    text = untested.as_list(judged, metrics)
    assert len(text.splitlines()) == len(found) < len(entries)
    assert f"Omniglot not run ({len(names['Omniglot not run'])})" in screen.screen(
        [("run", metrics)], 10_000
    )


def test_a_folder_of_ones_own_has_one_reason(sources):
    """None of what the paper says is of its images."""
    metrics = only(sources[-1][1], "mnist")
    metrics = metrics | {"datasets": {"sheep": metrics["datasets"]["mnist"]}}
    judged = judge.judge_all(metrics)
    open_ones = [e for e in judged if not e.statement.not_testable]
    text = screen.screen([("run", metrics)], 200)
    assert "no statement of the paper was tested" in text
    assert f"Not tested: none of the paper's datasets was run ({len(open_ones)})." in text
    lines = untested.as_list(judged, metrics).splitlines()
    assert len(lines) == 1 + len(judged) - len(open_ones)
    assert in_full([("run", metrics)]) == f"- {len(judged)} not tested, in no other reading either"


def test_a_statement_with_a_second_reading_or_a_record_is_told_in_full(sources):
    """`clean_good` is about MNIST; CIFAR10 is a secondary cell of it. `noise_helps` is about Omniglot."""
    record, run = sources[0][1], only(sources[-1][1], "cifar10")
    quotes = {e.statement.id: e.statement.quote for e in judge.judge_all(run)}
    alone, beside = in_full([("run", run)]), in_full([("record", record), ("run", run)])
    assert quotes["clean_good"] in alone and quotes["noise_helps"] not in alone
    assert quotes["noise_helps"] in beside


@pytest.mark.parametrize("width", [60, 80, 100, 120, 160, 200])
def test_no_line_is_wider_than_the_terminal(sources, width):
    text = screen.screen(sources, width)
    lines = [line for line in text.splitlines() if line]
    assert max(map(len, lines)) <= width
    assert "|" not in text and "**" not in text
    shown = [line for line in lines if line[0] in "✓✗≈?"]
    assert len(shown) == len(screen_frame(sources))


def test_what_matters_least_is_left_out_first(sources):
    frame = screen_frame(sources)
    narrow, middle, wide = (list(screen.widths(frame, width)) for width in (80, 120, 300))
    assert wide == list(frame.columns)
    assert narrow == [VERDICT, WORDS, COLUMNS[2]]
    assert set(narrow) < set(middle) < set(wide)
    whole = screen.widths(frame, 300)
    assert all(whole[name] >= max(map(len, frame[name])) for name in frame)


def test_colours_only_where_they_are_wanted(sources):
    assert "\033[" not in screen.screen(sources, 120)
    assert "\033[" in screen.screen(sources, 120, colour=True)


def test_it_says_where_to_look(tmp_path):
    metrics = tmp_path / "results" / "quick" / "metrics.json"
    write_json(metrics, {})
    assert "report.html" not in screen.where_to_look(metrics)
    (metrics.parent / "report.html").touch()
    (tmp_path / "results" / "tables.md").touch()
    text = screen.where_to_look(metrics)
    assert f"{metrics.parent}/report.html" in text
    assert f"{tmp_path}/results/tables.md" in text
    (tmp_path / "results" / "report.html").touch()  # the latest run's goes first
    assert f"{tmp_path}/results/report.html" in screen.where_to_look(metrics)
