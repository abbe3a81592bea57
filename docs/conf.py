"""The site of the pages in this folder: `make site`, without a network, warnings are errors."""

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

project = "vimae-reproduction"
author = copyright = "the authors of vimae-reproduction"
extensions = ["myst_parser", "sphinx.ext.autodoc"]
html_theme = "alabaster"
html_theme_options = {
    "description": "The Variational InfoMax AutoEncoder, re-derived",
    "page_width": "1100px",
    "fixed_sidebar": True,
}
html_show_sphinx = False
exclude_patterns = ["_build"]
myst_heading_anchors = 3
autodoc_default_options = {"members": True, "show-inheritance": True}
autodoc_inherit_docstrings = False  # torch documents its own
autodoc_member_order = "bysource"
autodoc_typehints = "signature"

LITERAL = re.compile(r"`[^`]+`+")


def plain(app, what, name, obj, options, lines):
    """Our docstrings are plain text: paragraphs, and indented blocks to be shown as they are."""
    result = []
    for paragraph in re.split(r"\n\s*\n", "\n".join(lines).strip("\n")):
        rows = paragraph.split("\n")
        lead = next((n for n, row in enumerate(rows) if row.startswith(" ")), len(rows))
        if not rows[lead:] or all(row.startswith(" ") for row in rows[lead:]):
            text, block = rows[:lead], rows[lead:]
        else:  # a table, or definitions with text between them
            text, block = [], rows
        result += [escaped(row) for row in text]
        if block:
            result += ["", "::", "", *(f"    {row}" for row in block)]
        result.append("")
    lines[:] = result


def escaped(row: str) -> str:
    """One row of text for reStructuredText: code in backticks stays, all else is meant literally."""
    parts, end = [], 0
    for code in LITERAL.finditer(row):
        parts += [re.sub(r"([\\*_|])", r"\\\1", row[end : code.start()])]
        parts += [f"``{code[0].strip('`')}``"]
        end = code.end()
    parts.append(re.sub(r"([\\*_|`])", r"\\\1", row[end:]))
    return "".join(parts)


def setup(app):
    app.connect("autodoc-process-docstring", plain)
