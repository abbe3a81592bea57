"""Which of our files a job's module consists of, so that engines rerun a job when one changes.

Imports are followed, and so are files beside a module that it names (`"paper.yaml"`). What a module
imports by a computed name (`importlib`) is not seen here: the rule names that module itself.
"""

import ast
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FILE_NAME = re.compile(r"[\w-]+(\.\w+)+")

# Files that no rule depends on, though its program imports them: what was made before one of them
# changed is as right as before. Not here, though they may look like it: `models/checkpoint.py` (the
# state that it restores becomes weights) and `models/device.py` (it decides the arithmetic).
LEFT_OUT = {
    "data/arguments.py": "reads command lines; what settings they give, the engines know",
    "data/files.py": "writes files whole or not at all and reads with bounds; not what is in them",
    "data/registry.py": "finds a dataset's module by name; that module is a dependency itself",
    "models/interruption.py": "when to stop early; a resumed run ends with the same bytes (tested)",
    "models/locks.py": "keeps two jobs apart; not in what they compute",
    "models/provenance.py": "describes code, versions and hardware beside a number",
    "models/throughput.py": "measures speed and memory of a run",
}


def _file(module: str) -> Path | None:
    """The repository's file of a module, None for a foreign one."""
    if not module:  # what a top-level module is in; beside the root may lie anything
        return None
    base = ROOT.joinpath(*module.split("."))
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if path.is_file():
            return path
    return None


@cache
def _parts(path: Path) -> tuple[tuple[str, ...], tuple[Path, ...]]:
    """Modules that a file imports (`from a import b`: both a and a.b), and files that it names."""
    modules, files = [], []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Import():
                modules += [alias.name for alias in node.names]
            case ast.ImportFrom(module=str(module)):
                modules += [module, *(f"{module}.{alias.name}" for alias in node.names)]
            case ast.Constant(value=str(text)) if FILE_NAME.fullmatch(text):
                beside = path.with_name(text)
                files += [beside] if beside.is_file() else []
    return tuple(modules), tuple(files)


@cache
def sources(*modules: str) -> list[str]:
    """Files of the given modules and of all of ours that they use, but for those of LEFT_OUT.

    Relative to the root, sorted. ValueError if a given module is not ours.
    """
    found, waiting = set(), list(modules)
    for module in modules:
        if _file(module) is None:
            raise ValueError(f"{module}: no such module in {ROOT}")
    while waiting:
        module = waiting.pop()
        path = _file(module)
        if path is None or path in found:
            continue
        waiting.append(module.rpartition(".")[0])  # importing a.b runs a/__init__.py
        if str(path.relative_to(ROOT)) not in LEFT_OUT:
            imports, files = _parts(path)
            found.update([path, *files])
            waiting += imports
    return sorted(str(path.relative_to(ROOT)) for path in found)
