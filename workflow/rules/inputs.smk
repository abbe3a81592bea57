# Input functions and parameters of the rules, by the file that a rule stands in.
from data import folder, registry
from workflow import declarations, record
from workflow.code import sources

# rules/data.smk


def data_params(wildcards):
    return as_json(settings.data_settings(wildcards.dataset))


def data_origin(wildcards):
    """What a dataset is made from, by its `source`: a manifest, our files, a folder, or nothing."""
    data = settings.data_settings(wildcards.dataset)
    match data["source"]:
        case "official":
            return [MANIFEST.format(dataset=wildcards.dataset)]
        case "embedded":
            names = [f"{wildcards.dataset}_{split}.webp" for split in ("train", "test")]
            return [f"data/embedded/{name}" for name in (*names, "index.json")]
        case "folder":
            # A folder is as old as its list of names: all of them, to see what came or went.
            found = folder.folders_below(folder.located(data["path"]))
            return [str(below) for below, _ in found]
        case _:
            return []


def data_code(wildcards):
    source = settings.data_settings(wildcards.dataset)["source"]
    return sources("data.prepare", *registry.modules(wildcards.dataset, source))


def download_code(wildcards):
    return sources("data.download", *registry.modules(wildcards.dataset, "official"))


def manifest_option(wildcards, input):
    manifests = [path for path in input.origin if path.endswith("manifest.json")]
    return f"--manifest {manifests[0]}" if manifests else ""


# rules/models.smk


def train_settings(wildcards):
    return settings.train_settings(wildcards.dataset, wildcards.method)


def train_params(wildcards):
    return as_json(train_settings(wildcards))


def train_code(wildcards):
    objective = settings.catalogue[wildcards.method]["objective"]
    return sources("models.train", f"models.objectives.{objective}")


# rules/samples.smk


def sample_params(wildcards):
    return as_json(settings.section(wildcards.dataset, "samples"))


# rules/scores.smk


def needs(score):
    """Names of the files that a score takes beside run and data, each an option of its command."""
    return declarations.scores()[score].needs


def score_params(wildcards):
    return as_json(settings.score_settings(wildcards.score, wildcards.dataset))


def inception_network(score, dataset):
    """The whole network only where its last level is asked for; the first ones are embedded."""
    dims = settings.score_settings(score, dataset).get("dims", 2048)
    return INCEPTION if dims > 192 else EMBEDDED_INCEPTION


def needed(names):
    """An input function: the files of a score's NEEDS that are among `names`, by name."""

    def files(wildcards):
        where = {
            "samples": SAMPLE,
            "reference": REFERENCE,
            "fid_reference": REFERENCE.replace("{score}", "fid"),
            "inception": inception_network(wildcards.score, wildcards.dataset),
        }
        wanted = [name for name in needs(wildcards.score) if name in names]
        return {name: where[name].format(**wildcards) for name in wanted}

    return files


def needed_options(wildcards, input):
    """The same as options of the command."""
    names = [name for name in needs(wildcards.score) if name in input.keys()]
    return " ".join(f"--{name} {input[name]}" for name in names)


def score_code(wildcards):
    return sources(f"eval.{wildcards.score}.score")


def reference_code(wildcards):
    return sources(f"eval.{wildcards.score}.reference")


# rules/report.smk


def committed_record(wildcards):
    """The committed run that stands beside this one in the tables, where there is one."""
    found = record.committed(PRESET)
    return [str(found)] if found else []


def record_option(wildcards, input):
    return f"--record {input.record}" if input.record else ""


def collect_params(wildcards):
    return as_json(settings.report_settings())
