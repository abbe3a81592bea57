"""Whoever follows a link of the README arrives; the site's own test asks the same of docs/."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LINK = re.compile(r"\]\((?!https?:)([^)\s]+)\)")


def anchors(page: str) -> set[str]:
    """What a page's headings are called in links, as GitHub names them."""
    shown = re.sub(r"^```.*?^```$", "", page, flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", shown, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken(text: str, root: Path) -> list[str]:
    """Relative links of `text`, a page in `root`, that lead to no file or to no heading."""
    found = []
    for link in LINK.findall(text):
        name, _, anchor = link.partition("#")
        path = root / name
        there = not name or path.exists()
        if there and anchor:
            there = anchor in anchors(path.read_text("utf-8") if name else text)
        if not there:
            found.append(link)
    return found


def test_links_of_the_readme_lead_on():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(LINK.findall(text)) > 10
    assert broken(text, ROOT) == []


def test_a_link_that_leads_nowhere_is_found(tmp_path):
    (tmp_path / "b.md").write_text("# A `b`, C\n\n```sh\n# no heading\n```\n")
    right = "# Here\n[x](b.md) [x](b.md#a-b-c) ![x](b.md) [x](#here) [x](https://no.where/x)\n"
    wrong = "[x](c.md) [x](b.md#no-heading) [x](#there)\n"
    assert broken(right, tmp_path) == []
    assert broken(right + wrong, tmp_path) == ["c.md", "b.md#no-heading", "#there"]
