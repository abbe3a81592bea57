"""Which files a job depends on."""

import pytest

from workflow import code
from workflow.code import LEFT_OUT, ROOT, sources


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A small repository: a.main uses a.part, which names a file beside it and uses b."""
    files = {
        "a/__init__.py": "",
        "a/main.py": "import numpy\nfrom a import part\n",
        "a/part.py": "import b.used\nTABLE = 'table.yaml'\nOTHER = 'absent.yaml'\n",
        "a/table.yaml": "",
        "a/unused.py": "",
        "b/__init__.py": "from b import shared\n",
        "b/shared.py": "def f():\n    import a.main\n",
        "b/used.py": "",
        "b/left.py": "import a.unused\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(code, "ROOT", tmp_path)
    monkeypatch.setattr(code, "LEFT_OUT", {"b/left.py": "of no consequence"})
    sources.cache_clear()
    yield tmp_path
    sources.cache_clear()


def test_imports_packages_and_named_files_are_followed(tree):
    a = ["a/__init__.py", "a/main.py", "a/part.py", "a/table.yaml"]
    assert sources("a.main") == [*a, "b/__init__.py", "b/shared.py", "b/used.py"]
    assert sources("a.unused") == ["a/__init__.py", "a/unused.py"]


def test_a_file_beside_the_root_of_the_same_name_is_not_ours(tree):
    before = sources("a.main")
    sources.cache_clear()
    tree.with_suffix(".py").touch()
    assert sources("a.main") == before


def test_what_is_left_out_is_not_entered_either(tree):
    (tree / "a" / "main.py").write_text("import b.left\n")
    assert sources("a.main") == [
        *("a/__init__.py", "a/main.py"),
        *("b/__init__.py", "b/shared.py"),
    ]


def test_a_module_that_is_not_ours_is_refused(tree):
    with pytest.raises(ValueError, match="a.gone"):
        sources("a.gone")


def test_every_file_left_out_exists_and_would_be_followed(monkeypatch):
    """An entry that nothing uses would say nothing; one that is followed would be no entry."""
    programs = ("models.train", "data.prepare", "eval.fid.score")
    found = set(sources(*programs))
    assert not found & set(LEFT_OUT)
    monkeypatch.setattr(code, "LEFT_OUT", {})
    sources.cache_clear()
    assert set(LEFT_OUT) <= set(sources(*programs))
    sources.cache_clear()
    assert all((ROOT / file).is_file() and reason for file, reason in LEFT_OUT.items())


def test_jobs_reach_no_dataset_objective_or_score_but_their_own():
    prepare = sources("data.prepare", "data.datasets.mnist")
    assert {f for f in prepare if f.startswith("data/datasets/")} == {
        "data/datasets/__init__.py",
        "data/datasets/mnist.py",
    }
    assert not any(file.startswith(("eval/", "models/", "workflow/")) for file in prepare)
    train = sources("models.train", "models.objectives.elbo")
    assert {f for f in train if f.startswith("models/objectives/")} == {
        "models/objectives/__init__.py",
        "models/objectives/elbo.py",
    }
    assert not any(file.startswith(("eval/", "workflow/")) for file in train)
    nll = sources("eval.nll.score")
    assert not any(file.startswith(("eval/fid/", "eval/robustness/")) for file in nll)
