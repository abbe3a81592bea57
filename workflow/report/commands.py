"""The command lines that make a report without the engine: of a record, and of what a failure left.

rules/report.smk has the engine's own; tests/test_report_commands.py compares them with these.
"""

import json
import sys
from pathlib import Path


def commands(
    preset: str,
    params: dict,
    *,
    root: Path,
    out: Path,
    partial: bool = False,
    kept: bool = False,
    record: Path | None = None,
) -> dict[str, list[str]]:
    """Words of every command by the name of its rule, in an order in which they can run.

    Args:
        params: of workflow.report.collect.
        root: the folder of runs, scores and samples.
        out: the folder to write to, laid out as results/<preset> is.
        partial: leave out what is missing.
        kept: what `root` no longer tells stays as it is in `out` so far (metrics.json, pictures).
        record: the metrics.json of the committed record, to stand beside, if there is one.
    """
    metrics = out / "metrics.json"
    beside = ["--record", record] if record else []
    read = ["--metrics", metrics]
    lines = {
        "metrics": ["collect", "--preset", preset, "--params", json.dumps(params)]
        + ["--root", root, "--out", metrics]
        + ["--partial"] * partial
        + (["--kept", metrics] if kept else []),
        "tables": ["tables", *read, *beside, "--out-md", out / "tables.md"]
        + ["--tables-dir", out / "tables", "--summary", out / "summary"],
        "figures": ["figures", *read, "--root", root, "--out-dir", out / "figures"]
        + ["--kept"] * kept,
        "plots": ["curves", *read, "--root", root, "--out-dir", out / "plots"],
        "page": ["page.render", *read, *beside, "--root", out, "--out", out / "report.html"],
    }
    return {
        rule: [sys.executable, "-m", f"workflow.report.{module}", *map(str, options)]
        for rule, (module, *options) in lines.items()
    }
