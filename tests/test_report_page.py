"""report.html: in a real browser, and as text."""

import re
from html import escape
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data.files import write_json
from tests import browser
from tests.report_tree import SCORED, write_benchmark, write_tree
from workflow.report import figures
from workflow.report.collect import collect
from workflow.report.page import content, costs, render
from workflow.report.paper import paper
from workflow.report.verdict.claims import load_statements

VOID = {"meta", "link", "img", "input", "br", "line", "circle", "path"}


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """(metrics, root, page) of a run with a dataset that the paper does not have, and a record."""
    root = tmp_path_factory.mktemp("results") / "quick"
    scored = {score: [*wanted, "sheep"] for score, wanted in SCORED.items()}
    params = write_tree(root, [0, 1], scored=scored)
    params["methods"][1]["label"] = "β-VAE (β > 1)"
    metrics = collect(root, params | {"datasets": ["mnist", "celeba", "sheep"]}, preset="quick")
    record = collect(root, params | {"datasets": ["mnist", "celeba"]}, preset="narrow")
    figures.draw(metrics, root, root / "figures")
    write_json(root / "metrics.json", metrics)
    page = root.parent / "report.html"
    sources = [("record", record), ("run", metrics)]
    page.write_text(render.render(content.page(sources, root), root, page), encoding="utf-8")
    return metrics, root, page


class Elements(HTMLParser):
    """Every tag with its attributes; fails on a tag that is closed wrongly."""

    def __init__(self):
        super().__init__()
        self.found, self.open = [], []

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag


def elements(page: Path) -> list[tuple[str, dict]]:
    parser = Elements()
    parser.feed(page.read_text(encoding="utf-8"))
    assert parser.open == []
    return parser.found


def test_page_is_whole_small_and_refers_to_nothing_elsewhere(shown):
    _, _, page = shown
    assert page.stat().st_size < 10_000_000
    found = elements(page)
    assert dict(found)["html"]["lang"] == "en"
    assert [tag for tag, _ in found].count("title") == 1
    for tag, attributes in found:
        for name in ("src", "href"):
            address = attributes.get(name, "")
            assert not re.match(r"\w+:(?!image)|//", address.replace("data:,", "")), (tag, address)
            if tag == "a" and address and not address.startswith("#"):
                assert (page.parent / address).exists(), address
        if tag == "img" and attributes["src"] != "data:,":
            assert attributes["alt"]
    assert "@import" not in page.read_text() and "url(" not in page.read_text()


def test_same_inputs_give_the_same_bytes_and_links_of_their_own(shown):
    metrics, root, _ = shown
    sources = [("run", metrics)]
    first, second = (content.page(sources, root) for _ in range(2))
    above = render.render(first, root, root.parent / "report.html")
    assert above == render.render(second, root, root.parent / "report.html")
    beside = render.render(first, root, root / "report.html")
    assert 'href="metrics.json"' in beside and f'href="{root.name}/metrics.json"' in above


def stated(page: Path) -> int:
    """How many statements there are on a page; each of the paper's quotes must be."""
    text = page.read_text(encoding="utf-8")
    for statement in load_statements():
        assert text.count(f"<q>{escape(statement.quote)}</q>") == 1
    return sum(int(own["data-count"]) for _, own in elements(page) if "data-count" in own)


def test_statements_that_nothing_is_known_of_are_one_line_a_reason(shown, tmp_path):
    """A folder of one's own: what the paper says is of other images."""
    metrics, root, _ = shown
    own = metrics | {"datasets": {"sheep": metrics["datasets"]["sheep"]}}
    found = content.statements([("run", own)])
    not_tested = [entry for entry in found if entry["verdict"] == "not tested"]
    assert [entry["why"] for entry in not_tested] == ["none of the paper's datasets was run"]
    assert sum(entry["count"] for entry in found) == 30
    page = tmp_path / "report.html"
    figures.draw(own, root, tmp_path / "figures")
    page.write_text(render.render(content.page([("run", own)], tmp_path), root, page), "utf-8")
    assert stated(page) == 30


def test_every_table_and_statement_is_there(shown):
    _, _, page = shown
    text = page.read_text(encoding="utf-8")
    for name in paper().tables:
        assert text.count(f"<h3>Table {name}:") == 1
    assert "Not in the paper: accuracy under noise, Sheep" in text
    assert stated(page) == 30
    assert "VAE (β &gt; 1)" in text and "**" not in text


def test_times_and_memory_of_the_run_and_of_nothing_else(shown):
    metrics, root, _ = shown
    write_benchmark(root, "train/mnist/vae/seed7", 1000.0, 9000.0)  # of a seed taken out
    write_benchmark(root, "train/mnist/gone/seed0", 1000.0, 9000.0)
    write_benchmark(root, "prepare/mnist", 1.5, 300.0)
    write_benchmark(root, "prepare/gone", 1000.0, 9000.0)
    frame = costs.costs_frame(metrics, root).set_index(["dataset", "step"])
    train = frame.loc[("MNIST", "train")]
    # Five methods, seeds 0 and 1 of 2 and 3 seconds; the last method's memory is 504.
    assert list(train) == ["10", "25.0", "3.0", "25.0", "504"]
    assert frame.loc[("MNIST", "prepare"), "seconds in all"] == "1.5"
    assert not any("gone" in str(name) for name in frame.index)


def test_a_job_too_short_to_be_measured_has_a_dash(shown, tmp_path):
    metrics, _, _ = shown
    path = tmp_path / "benchmarks" / "prepare" / "mnist.tsv"
    path.parent.mkdir(parents=True)
    path.write_text("s\tmax_rss\tcpu_time\n0.4\tNA\tNA\n")
    assert costs.costs_frame(metrics, tmp_path).loc[0, "peak memory, MiB"] == "–"


def test_pictures_are_the_figures(shown):
    _, root, _ = shown
    name = root / "figures" / "robustness.png"
    embedded = content.picture(name)
    with Image.open(name) as image:
        assert (embedded["width"], embedded["height"]) == image.size
    assert embedded["src"].startswith("data:image/webp;base64,")


@browser.needed
def test_nothing_is_fetched_and_nothing_goes_wrong(shown, tmp_path):
    _, _, page = shown
    (tmp_path / "other.html").write_text("<img src='http://localhost:9/picture.png'>")
    assert browser.requests(tmp_path / "other.html", tmp_path) == [
        "http://localhost:9/picture.png"
    ]  # it would be seen
    assert [a for a in browser.requests(page, tmp_path) if not a.startswith("file:")] == []
    dom, console = browser.chromium(page, "--dump-dom")
    assert console == []
    assert "30 of 30 statements shown" in dom


FILTER = """
const rows = () => all(".verdicts tbody tr").filter((row) => !row.hidden).reduce(
  (sum, row) => sum + Number(row.dataset.count), 0);
const seen = (selector) => all(selector).filter((element) => element.checkVisibility()).length;
const press = (kind, name) => document.querySelector(`input[name=${kind}][value=${name}]`).click();
const mnist = "main [data-dataset=mnist]";
const vae = ".scroll tr[data-method=vae]";
all("main details").forEach((fold) => { fold.open = true; });
found.before = [rows(), seen(mnist), seen(vae)];
press("dataset", "mnist");
found.dataset = [rows(), seen(mnist), seen(vae), document.getElementById("count").textContent];
press("method", "vae");
found.method = [seen(vae), seen(".scroll tr[data-method=vimae_n]")];
press("dataset", "mnist"); press("method", "vae");
found.after = [rows(), seen(mnist), seen(vae)];
press("verdict", "not");
found.verdict = [rows(), seen("tr[data-verdict=not]")];
"""


@browser.needed
def test_tables_can_be_filtered(shown, tmp_path):
    _, _, page = shown
    found, console = browser.probe(page, FILTER, tmp_path)
    assert console == []
    before, dataset = found["before"], found["dataset"]
    assert before[0] == 30 and min(before) > 0
    assert dataset[1] == 0 and 0 < dataset[2] < before[2]
    assert 0 < dataset[0] < 30 and dataset[3] == f"{dataset[0]} of 30 statements shown"
    assert found["method"][0] == 0 and found["method"][1] > 0
    assert found["after"] == before
    assert found["verdict"][1] == 0 and 0 < found["verdict"][0] < 30


SORT = """
const table = document.querySelector("#tables .scroll table");
const heads = [...table.tHead.rows[1].cells];
const column = heads.findIndex((head) => head.textContent.includes("x-entropy run"));
const state = () => [heads[column].getAttribute("aria-sort"),
  [...table.tBodies[0].rows].map((row) => parseFloat(row.cells[column].textContent))];
found.states = [state()];
for (let i = 0; i < 3; i++) { heads[column].querySelector("button").click(); found.states.push(state()); }
"""


@browser.needed
def test_tables_can_be_sorted(shown, tmp_path):
    _, _, page = shown
    found, _ = browser.probe(page, SORT, tmp_path)
    (_, original), ascending, descending, (none, again) = found["states"]
    assert ascending == ["ascending", sorted(original)]
    assert descending == ["descending", sorted(original, reverse=True)]
    assert none is None and again == original


ENLARGE = """
const links = all(".figures a");
links[0].focus();
found.focus = document.activeElement === links[0];
links[0].click();
const large = dialog.querySelector("img");
const name = () => [dialog.open, all(".figures img").findIndex((image) => image.src === large.src)];
found.first = name();
dialog.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight" }));
found.next = name();
found.svg = dialog.querySelector("a").getAttribute("href");
dialog.querySelector("button").click();
found.closed = dialog.open;
found.unreachable = all("button, a[href], summary, input").filter((element) => element.tabIndex < 0).length;
"""


@browser.needed
def test_figures_can_be_enlarged_by_mouse_and_keyboard(shown, tmp_path):
    _, _, page = shown
    found, console = browser.probe(page, ENLARGE, tmp_path)
    assert console == []
    assert found["focus"] and found["first"] == [True, 0] and found["next"] == [True, 1]
    assert found["svg"].endswith(".svg")
    assert not found["closed"] and found["unreachable"] == 0


@browser.needed
@pytest.mark.parametrize("width", [390, 1280])
def test_it_fits_a_phone_and_a_screen(shown, tmp_path, width):
    """Only tables scroll sideways, in a region of their own; the text is large enough to read."""
    _, _, page = shown
    script = """
    found.width = [document.documentElement.scrollWidth, innerWidth];
    found.smallest = Math.min(...all("p, td, th, li, label span").map(
      (element) => parseFloat(getComputedStyle(element).fontSize)));
    """
    found, _ = browser.probe(page, script, tmp_path, width=width)
    assert found["width"] == [width, width]
    assert found["smallest"] >= 12
    picture = tmp_path / "page.png"
    browser.screenshot(page, picture, width, 1200)
    with Image.open(picture) as image:
        pixels = np.asarray(image.convert("L"))[:, :width]
    assert pixels.shape == (1200, width) and 10 < pixels.std() < 120  # not blank
