"""Raw objects become values here, or findings: all of them at once, and never an exception."""

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError

from modelfleet.api.kinds import KINDS
from modelfleet.api.meta import API_VERSION, GROUP, VERSION
from modelfleet.api.resource import Resource
from modelfleet.api.rule import judge
from modelfleet.api.shape import as_served, salvage
from modelfleet.findings import Finding, Key, Path, Reason, Severity
from modelfleet.fleet.problems import Problem, problems


@dataclass(frozen=True, slots=True)
class Valid:
    """An object that may take part."""

    key: Key
    uid: str
    generation: int
    resource: Resource


@dataclass(frozen=True, slots=True)
class Invalid:
    """An object of ours that may not, and why."""

    key: Key
    uid: str
    generation: int
    findings: tuple[Finding, ...]
    readable: Resource | None = None
    """What the object would be without the fields that do not exist, where that is all that is wrong with it: enough to
    be looked at beside the others, and never enough to take part."""


@dataclass(frozen=True, slots=True)
class Foreign:
    """An object that is not of our group: none of our business, but it may be referred to."""

    key: Key


Parsed = Valid | Invalid | Foreign


def parse_object(raw: Any, namespace: str = "default") -> Parsed:
    """The value of a raw object, or what is wrong with it. `namespace` is that of objects which name none."""
    if not isinstance(raw, Mapping):
        message = "must be a Kubernetes object: a mapping with apiVersion, kind, metadata and spec"
        return Invalid(Key("", "", ""), "", 0, (Finding(Key("", "", ""), (), Reason.WRONG_TYPE, message),))
    key = key_of(raw, namespace)
    if not {"apiVersion", "kind"} & raw.keys():
        # Folders of manifests hold values of charts and the like beside them.
        message = "has neither apiVersion nor kind, so it is no Kubernetes object: it is skipped"
        return Invalid(key, "", 0, (Finding(key, (), Reason.UNKNOWN_KIND, message, Severity.WARNING),))
    if found := tuple(_not_a_kind(raw)):
        return _invalid(key, raw, found)
    if not raw["apiVersion"].startswith(f"{GROUP}/"):
        return Foreign(key)
    kind = KINDS[raw["kind"]]
    # Status is ours to write and never an input, so nothing in it can be wrong.
    given = as_served(kind, {name: value for name, value in raw.items() if name != "status"})
    _settle(given.get("metadata"), namespace if kind.KIND.namespaced else "")
    try:
        resource = kind.model_validate(given)
    except ValidationError as error:
        wrong = _all_problems(kind, given, error)
        return replace(_invalid(key, raw, wrong), readable=_without_strangers(kind, given, wrong))
    return Valid(key, resource.metadata.uid, resource.metadata.generation, resource)


def _settle(metadata: Any, namespace: str) -> None:
    """Puts an object that names no namespace into this one; where there is none to be in, what is named is ignored."""
    if not isinstance(metadata, dict):
        return
    if not namespace:
        metadata.pop("namespace", None)
    elif metadata.get("namespace") in (None, ""):
        metadata["namespace"] = namespace


def key_of(raw: Mapping[str, Any], namespace: str) -> Key:
    """The identity that a raw object claims, as far as it can be read."""
    kind, metadata = _text(raw.get("kind")), raw.get("metadata")
    metadata = metadata if isinstance(metadata, Mapping) else {}
    clustered = kind in KINDS and not KINDS[kind].KIND.namespaced
    return Key(kind, "" if clustered else _text(metadata.get("namespace")) or namespace, _text(metadata.get("name")))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _invalid(key: Key, raw: Mapping[str, Any], found: Iterable[Problem]) -> Invalid:
    metadata = raw.get("metadata")
    metadata = metadata if isinstance(metadata, Mapping) else {}
    generation = metadata.get("generation")
    findings = tuple(Finding(key, path, reason, message) for path, reason, message in dict.fromkeys(found))
    return Invalid(key, _text(metadata.get("uid")), generation if isinstance(generation, int) else 0, findings)


def _not_a_kind(raw: Mapping[str, Any]) -> Iterable[Problem]:
    for field, example in (("apiVersion", API_VERSION), ("kind", " or ".join(KINDS))):
        if raw.get(field) in (None, ""):
            yield (field,), Reason.REQUIRED, f"is required: {example}, for one"
        elif not isinstance(raw[field], str):
            yield (field,), Reason.WRONG_TYPE, f"must be a string, such as {example}"
    group, _, version = _text(raw.get("apiVersion")).partition("/")
    kind = _text(raw.get("kind"))
    if group != GROUP:
        return
    if version != VERSION:
        yield ("apiVersion",), Reason.UNKNOWN_VERSION, f"is not a version that exists: write {API_VERSION}"
    if kind and kind not in KINDS:
        close = get_close_matches(kind, KINDS, n=1)
        hint = f'did you mean "{close[0]}"?' if close else f"the kinds are {', '.join(KINDS)}"
        yield ("kind",), Reason.UNKNOWN_KIND, f"is not a kind of {GROUP}: {hint}"


def _without_strangers(kind: type[Resource], given: Any, found: Iterable[Problem]) -> Resource | None:
    if any(reason is not Reason.UNKNOWN_FIELD for _, reason, _ in found):
        return None
    known = copy.deepcopy(given)
    for (*way, last), _, _ in found:
        holder = known
        for step in way:
            holder = holder[step]
        holder.pop(last, None)
    try:
        return kind.model_validate(known)
    except ValidationError:
        return None  # a condition of nothing but such fields, say, is then empty


def _all_problems(kind: type[Resource], raw: Mapping[str, Any], error: ValidationError) -> list[Problem]:
    """What is malformed, and beside it the rules that can be judged all the same."""
    found = list(problems(kind, error.errors(include_url=False)))
    malformed: list[Path] = [path for path, reason, _ in found if reason is not Reason.UNKNOWN_FIELD]
    if any(not path or path == ("spec",) for path in malformed):
        return found
    salvaged = salvage(kind, raw, frozenset(malformed))
    broken = judge(kind.RULES, salvaged, malformed)
    return [*found, *((path, rule.reason, rule.message) for rule, path in broken)]
