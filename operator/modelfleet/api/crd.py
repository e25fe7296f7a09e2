"""CustomResourceDefinitions, generated from the models. What stands in `crds/` is never edited."""

from typing import Any

import yaml

from modelfleet.api.kinds import KINDS
from modelfleet.api.meta import GROUP, VERSION, Column, Kind
from modelfleet.api.resource import Resource
from modelfleet.api.schema import Schema, put_notes, put_rules, structural
from modelfleet.api.shape import bare

HEADER = "# Generated from the models by `make generate`; edit those.\n"


def render_crds() -> dict[str, str]:
    """The file of each CustomResourceDefinition, by file name."""
    return {f"{GROUP}_{kind.KIND.plural}.yaml": HEADER + to_yaml(crd(kind)) for kind in KINDS.values()}


def crd(resource: type[Resource]) -> dict[str, Any]:
    """The CustomResourceDefinition of a kind."""
    kind = resource.KIND
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "names": {
                "kind": kind.name,
                "listKind": f"{kind.name}List",
                "plural": kind.plural,
                "singular": kind.singular,
                "shortNames": [kind.short],
                "categories": ["modelfleet"],
            },
            "scope": "Namespaced" if kind.namespaced else "Cluster",
            "versions": [_version(resource)],
        },
    }


def _version(resource: type[Resource]) -> dict[str, Any]:
    return {
        "name": VERSION,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": object_schema(resource)},
        "subresources": _subresources(resource.KIND),
        "additionalPrinterColumns": [_column(column) for column in resource.KIND.columns],
    }


def object_schema(resource: type[Resource]) -> Schema:
    """The schema of a whole object: what we ask for, what we report, and nothing about metadata."""
    field = resource.model_fields["spec"]
    spec = {**structural(bare(field.annotation)), "description": field.description}
    schema = put_rules(
        {
            "type": "object",
            "description": resource.__doc__,
            "required": ["spec"],
            "properties": {
                "apiVersion": {"type": "string", "description": "The group and version of this schema of the object."},
                "kind": {"type": "string", "description": f"What the object is: {resource.KIND.name}."},
                "metadata": {"type": "object"},  # described by the API server, which takes nothing else here
                "spec": spec,
                "status": structural(resource.STATUS),
            },
        },
        (*resource.RULES, *resource.TRANSITIONS),
    )
    return put_notes(schema, resource.NOTES)


def _subresources(kind: Kind) -> dict[str, Any]:
    return {"status": {}, **({"scale": dict(kind.scale)} if kind.scale else {})}


def _column(column: Column) -> dict[str, Any]:
    wide = {"priority": 1} if column.wide else {}
    return {
        "name": column.name,
        "type": column.type,
        "jsonPath": column.path,
        "description": column.description,
        **wide,
    }


class _Dumper(yaml.SafeDumper):
    """Block style, without aliases, and quoted where another reader of YAML would see something else."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - PyYAML asks of every value
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    # YAML 1.1 as kubectl reads it takes y and n for booleans, even as the name of a field.
    style = '"' if text.lower() in ("y", "n") else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def to_yaml(value: Any) -> str:
    """The value as YAML, in the order that it has."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, width=120, allow_unicode=True)
