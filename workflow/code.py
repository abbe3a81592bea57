"""Which of our files a job's module consists of, so that engines rerun a job when one changes."""

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def _file(module: str) -> Path | None:
    """The repository's file of a module, None for a foreign one."""
    base = ROOT.joinpath(*module.split("."))
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if path.is_file():
            return path
    return None


@cache
def _imports(path: Path) -> tuple[str, ...]:
    """Names that a file imports, `from a import b` counting as both a and a.b."""
    names = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return tuple(names)


@cache
def sources(*modules: str) -> list[str]:
    """Files of the given modules and of all of ours they import, relative to the root, sorted."""
    found, waiting = set(), list(modules)
    while waiting:
        module = waiting.pop()
        path = _file(module)
        if path and path not in found:
            found.add(path)
            waiting += _imports(path)
            waiting += [module.rpartition(".")[0]]  # importing a.b runs a/__init__.py
    return sorted(str(path.relative_to(ROOT)) for path in found)
