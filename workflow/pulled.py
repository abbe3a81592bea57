"""Take over results that `dvc pull` brought: after it nothing is to be done, in either engine.

    dvc pull
    python -m workflow.pulled

A pull brings weights, samples and scores, but neither data, whose terms may forbid it, nor the
report. An engine that goes by age would therefore train again what was pulled: the data, made here,
is newer. (It refuses, see rules/hooks.smk, and names this command.) What dvc.lock names need not be
made again if it is whole and was made by this code, with these settings, from this data. So:

1. every file must have the digest that dvc.lock and its folder's listing give; DVC trusts what it
   finds in a remote. A damaged one is named and removed, also from the cache;
2. the data is prepared, and DVC compares code, settings and data with those in dvc.lock;
3. Snakemake marks what is there as made now (`--touch`);
4. `dvc repro` makes what is missing: the report, and what was damaged.

If the code, a setting or the data is another, nothing is accepted and nothing overwritten.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import yaml

from data.arguments import options
from data.files import digest

LOCK = Path("dvc.lock")
STAGES = ("models", "samples", "scores")  # whose outputs a remote has
OTHER = (
    "To have what was pulled, check out the commit whose dvc.lock this is; to make all of it again,"
    " remove its folders"
)


class NotAccepted(Exception):
    """Why the results stay what they are to the engines, in words for a person."""


def outputs(lock: Path = LOCK) -> dict[str, str]:
    """Digest of each output folder of STAGES, by its path. NotAccepted without such a lock."""
    if not lock.exists():
        raise NotAccepted(f"{lock}: missing; `dvc pull` needs it too: it comes with the commit")
    stages = yaml.safe_load(lock.read_text(encoding="utf-8"))["stages"]
    if absent := [name for name in STAGES if name not in stages]:
        raise NotAccepted(f"{lock}: says nothing of stage {absent[0]}; it was not finished there")
    return {out["path"]: out["md5"] for name in STAGES for out in stages[name]["outs"]}


def remove_damaged(outs: dict[str, str], cache: Path) -> list[str]:
    """Remove files whose bytes are not those that dvc.lock names, and say which, a line each.

    Only where the cache is damaged too, or came so from the remote. A file that differs from a good
    object in the cache was changed here: NotAccepted, and it stays.
    """
    lines, changed, removed = [], [], set()

    def damaged(name: str) -> bool:
        found = cache / name[:2] / name[2:]
        if name in removed:  # files with the same bytes share one object
            return True
        if not found.exists() or digest(found, "md5") == name.removesuffix(".dir"):
            return False
        found.unlink()
        removed.add(name)
        return True

    for folder, name in outs.items():
        listing = cache / name[:2] / name[2:]
        if damaged(name):
            raise NotAccepted(
                f"{listing}: damaged, the listing of {folder}; removed. `dvc pull` again; if it"
                f" comes damaged again, remove {name[:2]}/{name[2:]} in the remote and `dvc push`"
                " from where it is whole"
            )
        if not listing.exists():
            raise NotAccepted(f"{folder}: not pulled; `dvc pull` first")
        for entry in json.loads(listing.read_text(encoding="utf-8")):
            path, good = Path(folder, entry["relpath"]), entry["md5"]
            was_damaged = damaged(good)
            if path.exists() and digest(path, "md5") != good:
                if not was_damaged:
                    changed.append(str(path))
                    continue
                path.unlink()
            if was_damaged:
                here = "the file here is whole" if path.exists() else "made again where needed"
                lines.append(
                    f"{path}: damaged in the cache; removed, {here}. If it came so from the remote, remove"
                    f" {good[:2]}/{good[2:]} there, then `dvc push`"
                )
    if changed:
        raise NotAccepted("changed after dvc.lock was written:\n  " + "\n  ".join(changed))
    return lines


def differences(status: dict, outs: dict[str, str]) -> list[str]:
    """What of code, settings and data is not as in dvc.lock, by `dvc status --json`.

    Not `outs`, whose digests were compared file by file.
    """
    found = []
    for changes in (entry for stage in status.values() for entry in stage):
        if isinstance(changes, dict):
            for path, how in changes.get("changed deps", {}).items():
                values = how if isinstance(how, dict) else {"": how}
                if path not in outs:
                    found += [f"{path} {name}: {what}" for name, what in values.items()]
    return sorted(set(found))


def call(*words: str, quiet: bool = False) -> str:
    """Run a command of ours or of an engine; its output if `quiet`. NotAccepted if it fails."""
    stream = subprocess.PIPE if quiet else None
    done = subprocess.run(words, stdout=stream, stderr=stream, text=True, check=False)
    if done.returncode:
        said = f"\n{done.stdout}{done.stderr}" if quiet else ""
        raise NotAccepted(f"{' '.join(words)}: exited with {done.returncode}{said}")
    return done.stdout


def snakemake(*words: str, quiet: bool = False) -> str:
    """A call of the engine. Without hooks: one of them refuses to overwrite what was pulled."""
    return call("snakemake", "--cores", "8", "--no-hooks", *words, quiet=quiet)


def accept() -> None:
    """Steps 1 to 3. NotAccepted if they cannot be taken."""
    outs = outputs()
    cache = Path(call("dvc", "cache", "dir", quiet=True).strip(), "files", "md5")
    for line in remove_damaged(outs, cache):
        print(line, flush=True)
    snakemake("data")
    status = json.loads(call("dvc", "status", "--json", *STAGES, quiet=True))
    if lines := "\n  ".join(differences(status, outs)):
        raise NotAccepted(f"made with other code, settings or data:\n  {lines}\n{OTHER}")
    snakemake("--touch", *STAGES, quiet=True)
    print(f"accepted, as {LOCK} names them: {', '.join(outs)}", flush=True)


def main() -> None:
    """The command line."""
    options(__doc__).parse_args()
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    try:
        accept()
        call("dvc", "repro")
    except NotAccepted as reason:
        sys.exit(f"not accepted: {reason}")


if __name__ == "__main__":
    main()
