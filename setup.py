"""`pip install .`: data, models and eval under one namespace, `vimae`, without moving a folder.

In the repository they are packages at the top, as its commands need them. Installed so they would
take the most ordinary names there are from everybody else's code. The copies that go into the wheel
therefore import each other as vimae.data, vimae.models and vimae.eval.
"""

import re
from pathlib import Path

from setuptools import find_namespace_packages, setup
from setuptools.command.build_py import build_py

ROOTS = ("data", "models", "eval")
OURS = f"({'|'.join(ROOTS)})"
PLACES = (
    rf"^(?P<before>\s*(?:from|import) ){OURS}(?=[. ])",  # import statements
    rf"(?P<before>\"){OURS}(?=\.[a-z_{{])",  # modules that are imported by their name
    rf"(?P<before>python -m ){OURS}(?=\.)",  # commands that a message or a page of help shows
)


def renamed(source: str) -> str:
    """The text of one of our modules as it is below `vimae`."""
    for place in PLACES:
        source = re.sub(place, r"\g<before>vimae.\2", source, flags=re.MULTILINE)
    return source


class BuildBelowVimae(build_py):
    """Copies modules as `build_py` does, and renames what they import."""

    def build_module(self, module, module_file, package):
        written, copied = super().build_module(module, module_file, package)
        path = Path(written)
        path.write_text(renamed(path.read_text(encoding="utf-8")), encoding="utf-8")
        return written, copied


found = find_namespace_packages(
    include=[*ROOTS, *(f"{root}.*" for root in ROOTS)], exclude=["*.__pycache__"]
)
setup(
    cmdclass={"build_py": BuildBelowVimae},
    packages=[f"vimae.{name}" for name in found],
    package_dir={f"vimae.{root}": root for root in ROOTS},
    package_data={"vimae.data.embedded": ["*"]},
)
