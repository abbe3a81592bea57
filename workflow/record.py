"""Render what has been run of preset `paper` as the record: metrics, tables, figures.

    python -m workflow.record [--preset paper]          (make record)

The engine renders a preset when all its jobs are done. A record may grow in parts, on machines that
hand back scores but no weights (`workflow.carry`): this takes the runs that are there, leaves out
the rest, and n says so in every cell. Writes results/paper/{metrics.json, summary.json, tables.md,
tables/, figures/, plots/}; the first, tables/ and figures/ are the ones to commit.
"""

import argparse
import json
import subprocess
import sys

import yaml

from workflow.settings import ROOT, check, report_settings


def render(preset: str) -> None:
    """Run the report's four commands on the preset's results, as far as they go."""
    config = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    config["preset"] = preset
    check(config)
    folder = f"results/{preset}"
    metrics = f"{folder}/metrics.json"
    for command in (
        ["collect", "--preset", preset, "--params", json.dumps(report_settings(config))]
        + ["--root", folder, "--out", metrics, "--partial"],
        ["tables", "--metrics", metrics, "--out-md", f"{folder}/tables.md"]
        + ["--tables-dir", f"{folder}/tables", "--summary", f"{folder}/summary.json"],
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
