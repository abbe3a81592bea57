"""The record of a verified download: `manifest.json`.

{"dataset", "form", "files": [{"path", "bytes", "sha256"}], "digest"?, "counts"?}
"""

from pathlib import Path

from data.files import digest, read_json, reading
from data.sources import Form, Source

# A form, where its files or folders are, and the facts that its check returned.
Found = tuple[Form, list[Path], dict]


def describe(source: Source, form: Form, paths: list[Path], facts: dict, base: Path) -> dict:
    """The manifest: form, files with size and SHA-256, and the facts of the check.

    Paths below `base` are stored relative to it. A folder has neither size nor SHA-256 of its own;
    the form's digest stands for its content.
    """
    files = []
    for path in paths:
        absolute = path.resolve()
        entry: dict = {"path": str(absolute), "bytes": None, "sha256": None}
        if absolute.is_relative_to(base.resolve()):
            entry["path"] = str(absolute.relative_to(base.resolve()))
        if path.is_file():
            entry |= {"bytes": path.stat().st_size, "sha256": digest(path)}
        files.append(entry)
    return {"dataset": source.name, "form": form.name, "files": files} | facts


def open_manifest(source: Source, manifest: Path) -> Found:
    """The form and paths that a manifest records, after checking that they are still the same."""
    recorded = read_json(manifest, ("dataset", "form", "files"))
    if recorded["dataset"] != source.name:
        raise ValueError(f"{manifest}: is of {recorded['dataset']!r}, not of {source.name!r}")
    with reading(manifest, "delete it and run again"):
        form = source.form(recorded["form"])
        names = [entry["path"] for entry in recorded["files"]]
        paths = [manifest.parent / name for _, name in zip(form.names, names, strict=True)]
    for path in paths:
        if not path.exists():
            raise ValueError(f"{path}: gone since {manifest} was written; delete that file")
    facts = form.check(source, paths)
    if describe(source, form, paths, facts, manifest.parent) != recorded:
        raise ValueError(f"{manifest}: its files have changed since; delete it and run again")
    return form, paths, facts
