"""The options that several of the report's commands share."""

import argparse
from pathlib import Path

from data.arguments import options

SHARED = {
    "metrics": {"required": True, "help": "metrics.json, which workflow.report.collect wrote"},
    "record": {"help": "the committed record's metrics.json, to stand beside; it may not exist"},
    "root": {"required": True, "help": "folder of the preset's results"},
    "out-dir": {"required": True, "help": "folder to write to"},
}


def report_options(page: str, *names: str) -> argparse.ArgumentParser:
    """A parser with the options of SHARED that are named; `page` as for data.arguments.options."""
    parser = options(page)
    for name in names:
        parser.add_argument(f"--{name}", type=Path, **SHARED[name])
    return parser
