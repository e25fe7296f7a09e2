"""What children are labelled with, and selected by."""

from typing import Any, Final

from modelfleet.api.modeldeployment.kind import ModelDeployment
from modelfleet.fleet.labels import MODEL, label_value

MANAGED: Final = "app.kubernetes.io/managed-by"
OURS: Final = "modelfleet"


def common_labels(model: ModelDeployment) -> dict[str, str]:
    """The labels that everything has which is made for the model."""
    engine, name = model.spec.engine, label_value(model.metadata.name)
    assert engine is not None, "nothing is made for a hosted model"
    return {
        "app.kubernetes.io/name": engine.name.value,
        "app.kubernetes.io/instance": name,
        "app.kubernetes.io/component": "model-server",
        "app.kubernetes.io/part-of": OURS,
        MANAGED: OURS,
        MODEL: name,
    }


def of_model(model: ModelDeployment) -> dict[str, str]:
    """What selects the pods of a model, on all classes of hardware."""
    return {MODEL: label_value(model.metadata.name)}


def head(api: str, kind: str, model: ModelDeployment, name: str, labels: dict[str, str]) -> dict[str, Any]:
    """The first part of an object."""
    metadata = {"name": name, "namespace": model.key.namespace, "labels": labels}
    return {"apiVersion": api, "kind": kind, "metadata": metadata}
