"""The shape of a configuration: which keys there are, and what each may be, one key at a time.

By a JSON schema that is put together from workflow/schemas and from what datasets, scores and
objectives declare.
"""

import math

import jsonschema
import yaml

from data import registry
from workflow.declarations import ROOT, literal, objectives, scores
from workflow.settings import SECTIONS, TRAITS

# JSON has one kind of number, Python two: a count of 4.0 would become a name or an index elsewhere.
WHOLE_NUMBERS = jsonschema.validators.extend(
    jsonschema.Draft202012Validator,
    type_checker=jsonschema.Draft202012Validator.TYPE_CHECKER.redefine(
        "integer", lambda _, value: isinstance(value, int) and not isinstance(value, bool)
    ),
)
SCHEMA = ROOT / "workflow" / "schemas" / "params.schema.yaml"
KINDS = {
    "integer": "an integer",
    "number": "a number",
    "string": "text",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping of keys to values",
    "null": "null",
}


def schema(config: dict) -> dict:
    """The JSON schema of `config`: the file's, and what is declared elsewhere."""
    whole = yaml.safe_load(SCHEMA.read_text(encoding="utf-8"))
    definitions = whole["$defs"]
    datasets = ("default", *registry.names(), *_mapping(config.get("folders")))

    def keys(properties: dict, **more) -> dict:
        return {"type": "object", "additionalProperties": False, "properties": properties} | more

    def section(settings: dict) -> dict:
        return keys(dict.fromkeys(datasets, keys(settings)))

    preset = definitions.pop("preset")
    for name in SECTIONS[:-1]:
        preset[name] = section(definitions[name])
    preset["scores"] = keys({name: section(of.settings) for name, of in scores().items()})
    sides = sorted(literal(ROOT / "models" / "networks.py", "SHAPES"))
    definitions["folder"]["properties"]["side"] = {"enum": sides}
    definitions["folder"]["properties"]["like"] = {"enum": list(registry.names())}

    method = definitions.pop("method") | {"objective": {"enum": list(objectives())}}
    required = list(method)
    method |= {name: keys(definitions[name]) for name in ("model", "train")}

    def entry(of) -> dict:
        objective = objectives().get(str(_mapping(of).get("objective")))
        own = objective.settings if objective else {key: {} for key in _mapping(of)}
        # Values of traits are judged by workflow.checks, which knows the reasons.
        properties = {key: {} for key in TRAITS} | own | method
        return keys(properties, required=[*required, *(objective.required if objective else ())])

    def catalogue(node) -> dict:
        entries = {name: entry(of) for name, of in _mapping(node).items()}
        return definitions["catalogue"] | {"properties": entries}

    whole["properties"]["catalogue"] = catalogue(config.get("catalogue"))
    whole["properties"]["presets"]["properties"] = {
        name: keys(preset | {"catalogue": catalogue(_mapping(of).get("catalogue"))})
        for name, of in _mapping(config.get("presets")).items()
    }
    return whole


def _mapping(node) -> dict:
    """`node` if it is a mapping, else an empty one: what it should have been is said elsewhere."""
    return node if isinstance(node, dict) else {}


def misshapen(config: dict):
    """The faults that the schema finds, in words of ours."""
    validator = WHOLE_NUMBERS(schema(config))
    for error in validator.iter_errors(config):
        yield f"{_where(error.absolute_path)}: {_explain(error)}"


def _where(path) -> str:
    """presets.quick.train.default.schedule[0][1]"""
    parts = [f"[{part}]" if isinstance(part, int) else f".{part}" for part in path]
    return "".join(parts).removeprefix(".") or "params.yaml"


def _explain(error: jsonschema.ValidationError) -> str:
    """What is wrong with one value, and what would be right."""
    value, allowed = error.instance, error.validator_value
    match error.validator:
        case "type":
            kinds = [KINDS[kind] for kind in ([allowed] if isinstance(allowed, str) else allowed)]
            whole = "integer" in allowed and "number" not in allowed
            return f"{value!r} is not {' or '.join(kinds)}{_hint(value, whole)}"
        case "enum":
            return f"{value!r} is not one of {', '.join(map(str, allowed))}"
        case "minimum" | "exclusiveMinimum" | "maximum" | "exclusiveMaximum":
            bounds = {"minimum": "at least", "exclusiveMinimum": "more than", "maximum": "at most"}
            return f"{value!r} must be {bounds.get(error.validator, 'less than')} {allowed}"
        case "additionalProperties":
            properties = error.schema.get("properties", {})
            unknown = ", ".join(repr(key) for key in value if key not in properties)
            return f"unknown key {unknown}; allowed here: {', '.join(properties)}"
        case "required":
            return f"{', '.join(key for key in allowed if key not in value)} missing"
        case "pattern":
            characters = allowed.removeprefix("^").partition("(")[0]
            return f"{value!r} is no name; allowed are {characters}"
        case "uniqueItems":
            return f"{value!r} names something twice"
        case "minItems" | "maxItems" | "minProperties" | "minLength":
            what = {"minItems": "at least", "maxItems": "at most"}.get(error.validator, "at least")
            return f"{value!r} is of the wrong length; {what} {allowed}"
    return error.message


def _hint(value, whole: bool) -> str:
    """YAML reads 1e-3 as text: it wants a point and a sign. A count must be a `whole` number."""
    try:
        number = float(value) if isinstance(value, str | float) else math.nan
    except ValueError:
        return ""
    if not math.isfinite(number) or (whole and not number.is_integer()):
        return ""
    return f"; write {int(number) if whole else number!r}"
