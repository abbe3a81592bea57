"""Write report.html, one file that needs no network: verdicts, tables, figures, costs, raw numbers.

    python -m workflow.report.page.render --metrics results/quick/metrics.json \\
        --root results/quick --out report.html

The figures of --root are embedded; links to raw numbers are relative to each --out. The same inputs
give the same bytes.
"""

import re
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from workflow.report.arguments import report_options
from workflow.report.page.content import page
from workflow.report.tables import link, read_sources
from workflow.report.text.writing import write_text

HERE = Path(__file__).parent
TEMPLATE, STYLE, SCRIPT = "template.html", "style.css", "script.js"
RAW = {
    "tables.md": "the same as text",
    "metrics.json": "every value, error and protocol",
    "tables": "tables as CSV and LaTeX",
    "tables/verdicts.json": "verdicts with p-values",
    "plots": "curves as CSV",
    "figures": "figures as PNG, charts as SVG",
    "scores": "values per test image",
    "runs": "training records",
    "record": "runs and scores as they are committed",
    "logs": "logs",
}


def marked(text: str) -> Markup:
    """Text with markdown's **bold** and `code`, all else escaped."""
    text = re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", str(escape(text)))
    return Markup(re.sub(r"`(.+?)`", r"<code>\1</code>", text))


def render(content: dict, root: Path, out: Path) -> str:
    """The page as it shall lie at `out`."""
    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["marked"] = marked
    raw = {link(root / name, out): about for name, about in RAW.items() if (root / name).exists()}
    return environment.get_template(TEMPLATE).render(
        content,
        style=Markup((HERE / STYLE).read_text(encoding="utf-8")),
        script=Markup((HERE / SCRIPT).read_text(encoding="utf-8")),
        raw=raw,
        drawn=link(root / "figures", out),
    )


def main() -> None:
    """The command line."""
    parser = report_options(__doc__, "metrics", "record", "root")
    several = {"type": Path, "nargs": "+", "action": "extend", "required": True}
    parser.add_argument("--out", **several, help="the page to write, in one place or several")
    args = parser.parse_args()
    content = page(read_sources(args.metrics, args.record), args.root)
    for path in args.out:
        write_text(path, render(content, args.root, path))
        print(path)


if __name__ == "__main__":
    main()
