"""The documentation's site builds without a network and without a warning; every link leads on."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
WHY = "an environment older than the lock, which has it since `make site` needs no extra"

pytest.importorskip("sphinx", reason=WHY)
pytest.importorskip("myst_parser", reason=WHY)


def build(source: Path, to: Path) -> subprocess.CompletedProcess:
    words = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", source, to]
    return subprocess.run(words, capture_output=True, text=True, check=False)


def test_site_builds_with_every_page_and_the_docstrings(tmp_path):
    result = build(ROOT / "docs", tmp_path)
    assert result.returncode == 0, result.stderr
    assert not result.stderr
    docs = ROOT / "docs"
    for page in (*docs.glob("*.md"), *docs.glob("studies/*.md")):
        assert (tmp_path / page.relative_to(docs)).with_suffix(".html").exists()
    reference = (tmp_path / "api.html").read_text(encoding="utf-8")
    for name in ("models.use.TrainedModel.interpolate", "eval.fid.compare.compare"):
        assert f'id="{name}"' in reference


def test_a_link_that_leads_nowhere_stops_the_build(tmp_path):
    source = tmp_path / "docs"
    source.mkdir()
    (source / "conf.py").write_text((ROOT / "docs" / "conf.py").read_text("utf-8"), "utf-8")
    for text, wrong in (
        ("[a](b.md)", "b.md"),
        ("# A\n\n[a](#gone)", "gone"),
        ("[a](../c.py)", "c.py"),
    ):
        (source / "index.md").write_text(f"# Title\n\n{text}\n")
        result = build(source, tmp_path / "out")
        assert result.returncode != 0 and wrong in result.stderr, (text, result.stderr)
