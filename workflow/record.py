"""Render what has been run of a preset as the record: metrics, tables, figures.

    python -m workflow.record [--preset paper]          (make record)

The record is the best run that is committed: of preset `paper` where there is one, else of `narrow`.
The engine renders a preset when all its jobs are done. A record may grow in parts, on machines that
hand back scores but no weights (`workflow.carry`): this takes the runs that are there, leaves out
the rest, and n says so in every cell. Writes results/<preset>/{metrics.json, summary/, tables.md,
tables/, figures/, plots/}; the first, tables/ and figures/ are the ones to commit.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

from workflow.settings import ROOT, Settings, check, load

PRESETS = ("paper", "narrow")  # that make a record, the best first


def committed(preset: str, results: Path = Path("results")) -> Path | None:
    """The metrics.json that stands as `record` beside a run of `preset`; None without one.

    A run of a preset that makes the record is not its own, and a better run has none.
    """
    for name in PRESETS:
        path = results / name / "metrics.json"
        if name == preset:
            return None
        if path.exists():
            return path
    return None


def render(preset: str) -> None:
    """Run the report's four commands on the preset's results, as far as they go."""
    config = load() | {"preset": preset}
    check(config)
    folder = f"results/{preset}"
    metrics = f"{folder}/metrics.json"
    record = committed(preset, ROOT / "results")
    for command in (
        ["collect", "--preset", preset, "--params", json.dumps(Settings(config).report_settings())]
        + ["--root", folder, "--out", metrics, "--partial", "--kept", metrics],
        ["tables", "--metrics", metrics, "--out-md", f"{folder}/tables.md"]
        + ["--tables-dir", f"{folder}/tables", "--summary", f"{folder}/summary"]
        + (["--record", str(record)] if record else []),
        ["figures", "--metrics", metrics, "--root", folder, "--out-dir", f"{folder}/figures"],
        ["curves", "--metrics", metrics, "--root", folder, "--out-dir", f"{folder}/plots"],
    ):
        module, *options = command
        words = [sys.executable, "-m", f"workflow.report.{module}", *options]
        subprocess.run(words, cwd=ROOT, check=True)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", default="paper")
    render(parser.parse_args().preset)


if __name__ == "__main__":
    main()
