"""Code blocks of the pages in docs/, so that tests run what a reader would copy."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def blocks(page: str, language: str) -> list[str]:
    """The fenced blocks of one language, in their order; `page` is a path from the root."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def execute(code: str, names: dict) -> None:
    """Run one block of Python; `names` are what it may use, and takes what it defines."""
    exec(compile(code, "page", "exec"), names)  # noqa: S102 (our own pages)
