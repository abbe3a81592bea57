"""What all command lines have in common. Loads nothing slow, so that --help is quick."""

import argparse
import json
import sys

from data.files import read_file
from data.threads import limit_threads

LARGEST = 2**20  # bytes of a file of settings


class Help(argparse.RawDescriptionHelpFormatter):
    """Shows a page as it is written, and the default of an option that does not say its own."""

    def _get_help_string(self, action):  # what argparse's own formatter of defaults overrides
        unsaid = "(default: " not in action.help and action.default is not argparse.SUPPRESS
        if unsaid and action.default is not None and action.default is not False:
            return f"{action.help} (default: %(default)s)"
        return action.help


def options(page: str) -> argparse.ArgumentParser:
    """A parser whose --help shows `page`, a module's docstring.

    Every command line begins with it, so it limits the threads.
    """
    limit_threads()
    ran = sys.modules["__main__"].__spec__  # None in an installed command, which has a name
    prog = f"python -m {ran.name.removesuffix('.__main__')}" if ran else None
    return argparse.ArgumentParser(prog=prog, description=page, formatter_class=Help)


def settings(text: str) -> dict:
    """Settings as given on a command line: a JSON object itself, or @FILE with one in it."""
    file = text[1:] if text.startswith("@") else None
    try:
        found = json.loads(read_file(file, LARGEST) if file else text)
        wrong = None if isinstance(found, dict) else f"a {type(found).__name__}"
    except (OSError, ValueError, RecursionError) as error:
        wrong = error
    if wrong:
        where = f"{file}: " if file else ""
        what = f"{where}not settings in JSON ({wrong}); give an object, or @FILE with one in it"
        raise argparse.ArgumentTypeError(what)
    return found


def takes_settings(parser: argparse.ArgumentParser) -> None:
    """Add --params, which a page describes."""
    words = "the settings named above: a JSON object, or @FILE with one in it"
    parser.add_argument("--params", type=settings, required=True, metavar="JSON", help=words)
