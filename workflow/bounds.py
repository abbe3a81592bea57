"""The counts among a score's settings, beside what the score declares that they are measured by.

What may be declared is in workflow/declarations.py, where names and rules are explained.
"""

import re
from collections.abc import Iterator

from workflow.counts import SPLITS

RULES = {"at_most", "at_least", "up_to", "multiple_of", "needs", "classes_of"}
SAID = {"balanced": "train, as many of each class"}


def amount(expression: str | None, known: dict) -> int | None:
    """What a declared "dims" or "count // 2" comes to; None where a name in it is not known."""
    if expression is None or any(known.get(n) is None for n in re.findall("[a-z_]+", expression)):
        return None
    return eval(expression, {"__builtins__": {}}, known)  # of a score's source, not of settings


def cut(settings: dict, rules: dict, limits: dict, own: dict) -> dict:
    """A score's settings that were made for other images, cut to what there is of these.

    Those in `own` were made for these. Of either, what must be a multiple, of the classes for
    instance, becomes the next lower one.
    """
    found = dict(settings)
    for name, rule in rules.items():
        if found.get(name) is None or found.get(rule.get("replaced_by")):
            continue
        most, unit = amount(rule.get("at_most"), limits), limits.get(rule.get("multiple_of"))
        if most is not None and name not in own:
            found[name] = min(found[name], most)
        if unit:
            found[name] -= found[name] % unit
    return found


def faults(settings: dict, rules: dict, limits: dict, dataset: str) -> Iterator[str]:
    """What is wrong with a score's settings, "count is 501 for mnist, which has 500 (samples)"."""
    all_there = {
        name: amount(rule.get("at_most"), limits)
        for name, rule in rules.items()
        if settings[name] is None
    }
    known = settings | all_there | limits  # numbers of images go before settings' names
    for name, value, rule, names in _counts(settings, rules, known):
        for fault in _faults(value, rule, names, dataset):
            yield f"{name} is {fault}"


def _counts(values: dict, rules: dict, known: dict, prefix: str = ""):
    """(name, value, rule, what the rule's names stand for) of every count, nested ones too."""
    for name, value in values.items():
        rule = rules[name]
        if isinstance(value, dict):
            below = rule.get("properties", {})
            yield from _counts(value, below, value | known, f"{prefix}{name}.")
        elif RULES & set(rule) and not known.get(rule.get("replaced_by")):
            yield prefix + name, value, rule, known


def _faults(value: int | None, rule: dict, known: dict, dataset: str) -> Iterator[str]:
    """What is wrong with one count, from its value on; null stands for all that there are."""
    source = rule.get("at_most") or rule.get("up_to")
    there = amount(source, known)
    if value is None or ("up_to" in rule and there is not None):
        value = there if value is None else min(value, there)
    if value is None:  # all, and nobody knows yet how many these are
        return
    if there is not None and value > there:
        yield f"{value:,} for {dataset}, which has {there:,} ({SAID.get(source, source)})"

    least, unit = amount(rule.get("at_least"), known), known.get(rule.get("multiple_of"))
    more = f"; {dataset} has no more, so name in `scored` what else to compute on it"
    advice = more if source in SPLITS and value == there else ""
    if least is not None and value < least and not known.get(rule.get("unless")):
        escape = f", unless {rule['unless']}" if "unless" in rule else ""
        yield f"{value:,} for {dataset}, fewer than {least:,} ({rule['at_least']}){escape}{advice}"
    elif unit and not value:
        yield (
            f"0 for {dataset}, fewer than one for each of its {unit:,} classes; write a multiple "
            f"of {unit:,} below {dataset}"
        )
    elif value < rule.get("minimum", value):  # it was cut
        yield f"{value:,} for {dataset}, fewer than {rule['minimum']:,}{advice}"
    if unit and value % unit:
        yield f"{value:,}, not a multiple of {dataset}'s {unit} classes"

    if amount(rule.get("needs"), known) is False:
        yield f"{value:,} for {dataset}, which needs {rule['needs']}"

    images, sizes = amount(rule.get("classes_of"), known), known["test_sizes"]
    enough = sum(size >= (images or 0) for size in sizes or ())
    if images is not None and sizes is not None and value > enough:
        yield (
            f"{value:,} for {dataset}, of whose classes {enough:,} have {images:,} test images "
            f"({rule['classes_of']})"
        )
