"""Nobody can write a secret where objects and values are read by many: there is no field for one, only for its name."""

import json
import re
from collections.abc import Iterator
from typing import Any

import yaml

from modelfleet.api.crd import render_crds
from tools.chart.writing import render_schema

TELLING = re.compile(r"pass|secret|token|key|cred|auth|bearer|cert|private", re.IGNORECASE)
NAMES_ONE = re.compile(r"\.(secretRef|secretRefs|secretKeyRef|configMapKeyRef)\b")
COUNTS = {"contextTokens", "maxTokens", "tokens", "firstToken", "betweenTokens"}
COUNTS |= {"inputPerMillionTokens", "outputPerMillionTokens"}
"""Tokens that a model reads and writes."""
BESIDES = {
    "spec.nodes.tolerations.key",  # of a taint
    "spec.external.credentials",
    "spec.external.credentials.passThrough",  # whether those of the caller go along
    "spec.access.apiKeys",
}
VALUES = {
    "imagePullSecrets",  # names
    "global.imagePullSecrets",
    "secretsNamespaces",
    "gatewayDefaults.tls.secretName",  # a name
    "tls.certManager",  # how certificates are made
}


def fields(schema: dict[str, Any], defined: dict[str, Any], path: str = "") -> Iterator[str]:
    """Every field below, by its path."""
    schema = defined.get(schema.get("$ref", "").rpartition("/")[2], schema)
    for name, part in schema.get("properties", {}).items():
        yield f"{path}.{name}".lstrip(".")
        yield from fields(part, defined, f"{path}.{name}")
    for inner in ("items", "additionalProperties"):
        if isinstance(schema.get(inner), dict):
            yield from fields(schema[inner], defined, path)


def telling(paths: Iterator[str]) -> set[str]:
    """Those that are called as a secret would be, and do not name where one is."""
    found = {path for path in paths if TELLING.search(path.rpartition(".")[2])}
    return {path for path in found if not NAMES_ONE.search(path) and path.rpartition(".")[2] not in COUNTS}


def test_no_field_of_our_kinds_takes_a_secret() -> None:
    schemas = [
        version["schema"]["openAPIV3Schema"]
        for text in render_crds().values()
        for version in yaml.safe_load(text)["spec"]["versions"]
    ]
    assert len(schemas) == 3
    assert telling(path for schema in schemas for path in fields(schema, {})) == BESIDES


def test_no_value_of_the_chart_takes_a_secret() -> None:
    schema = json.loads(render_schema())
    assert telling(fields(schema, schema["$defs"])) == VALUES
