"""What the command lines of eval/ have in common."""

import argparse
import json
from pathlib import Path


def settings(text: str) -> dict:
    """Settings as given on a command line: JSON itself, or @file with JSON in it."""
    try:
        return json.loads(Path(text[1:]).read_text("utf-8") if text.startswith("@") else text)
    except (OSError, json.JSONDecodeError) as error:
        raise argparse.ArgumentTypeError(f"not settings in JSON, or @file: {error}") from error


def options(page: str) -> argparse.ArgumentParser:
    """A parser whose --help shows `page`, a module's docstring, as it is written."""
    raw = argparse.RawDescriptionHelpFormatter
    return argparse.ArgumentParser(description=page, formatter_class=raw)
