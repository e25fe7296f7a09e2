"""KEDA's ScaledObject as far as we write it: the fields and types of keda.sh/v1alpha1, and no others."""

from typing import Any

TEXT, NUMBER = {"type": "string"}, {"type": "integer", "format": "int32"}


def _object(required: tuple[str, ...] = (), **fields: Any) -> dict[str, Any]:
    return {"type": "object", "properties": fields, **({"required": list(required)} if required else {})}


_TARGET = _object(("name",), apiVersion=TEXT, kind=TEXT, name=TEXT, envSourceContainerName=TEXT)
_TRIGGER = _object(
    ("type", "metadata"),
    type=TEXT,
    name=TEXT,
    metricType=TEXT,
    useCachedMetrics={"type": "boolean"},
    metadata={"type": "object", "additionalProperties": TEXT},
)
_SPEC = _object(
    ("scaleTargetRef", "triggers"),
    scaleTargetRef=_TARGET,
    pollingInterval=NUMBER,
    cooldownPeriod=NUMBER,
    minReplicaCount=NUMBER,
    maxReplicaCount=NUMBER,
    triggers={"type": "array", "items": _TRIGGER},
)
SCALED_OBJECT: dict[str, Any] = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "scaledobjects.keda.sh"},
    "spec": {
        "group": "keda.sh",
        "names": {"kind": "ScaledObject", "plural": "scaledobjects", "singular": "scaledobject"},
        "scope": "Namespaced",
        "versions": [
            {
                "name": "v1alpha1",
                "served": True,
                "storage": True,
                "schema": {"openAPIV3Schema": _object(("spec",), spec=_SPEC)},
            }
        ],
    },
}
