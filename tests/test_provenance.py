"""Where a number comes from: the commit of this code, not of somebody else's checkout."""

import subprocess

import pytest

from models import provenance


@pytest.fixture
def checkout(tmp_path):
    """A folder with a commit, and its name."""

    def git(*words: str) -> str:
        known = ["-c", "user.name=a", "-c", "user.email=a@b.example"]
        return subprocess.run(
            ["git", *known, "-C", tmp_path, *words], check=True, capture_output=True, text=True
        ).stdout.strip()

    git("init", "-q")
    git("commit", "-q", "--allow-empty", "-m", "one")
    return tmp_path, git("rev-parse", "HEAD")


def test_the_commit_is_that_of_the_checkout(checkout):
    folder, commit = checkout
    assert provenance._git("rev-parse", "HEAD", root=folder) == commit


def test_a_package_installed_below_a_checkout_has_no_commit_of_its_own(checkout):
    folder, _ = checkout
    package = folder / ".venv" / "lib" / "vimae"
    package.mkdir(parents=True)
    assert provenance._git("rev-parse", "HEAD", root=package) is None
