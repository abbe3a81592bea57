"""The first screen: one line a statement, in tables.md and in a terminal of any width."""

import pytest

from data.files import write_json
from tests.report_tree import METHODS, write_tree
from workflow.report import screen
from workflow.report.collect import collect
from workflow.report.paper import paper
from workflow.report.text.document import document
from workflow.report.text.statements import COLUMNS, MEASURED, VERDICT, WORDS, screen_frame
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
    narrow, middle, wide = (list(screen.widths(frame, width)) for width in (80, 120, 250))
    assert wide == list(frame.columns)
    assert narrow == [VERDICT, WORDS, COLUMNS[2]]
    assert set(narrow) < set(middle) < set(wide)
    whole = screen.widths(frame, 250)
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
