"""ModelDeployment as a kind: its names, its columns, its parts."""

from typing import ClassVar, Literal

from pydantic import Field

from modelfleet.api.meta import AGE, MESSAGE, READY, REASON, Column, Kind, Status
from modelfleet.api.modeldeployment.rules import RULES, TRANSITIONS
from modelfleet.api.modeldeployment.spec import ModelDeploymentSpec
from modelfleet.api.modeldeployment.status import ModelDeploymentStatus
from modelfleet.api.resource import Resource
from modelfleet.api.rule import Rule, Transition

COLUMNS = (
    Column("Model", ".spec.model.name", "What its engine calls the model."),
    READY,
    REASON,
    Column("Replicas", ".status.replicas", "Replicas over all classes.", "integer"),
    Column("Up", ".status.readyReplicas", "Those of them that are ready.", "integer"),
    Column("On", ".status.placedOn", "The classes in use."),
    Column("Cost/H", ".status.costPerHour", "What the replicas cost in an hour."),
    AGE,
    Column("Work", ".spec.work", "The kind of work that it does.", wide=True),
    Column("Engine", ".spec.engine.name", "The program that serves it.", wide=True),
    Column("External", ".spec.external.url", "Where somebody else serves it.", wide=True),
    MESSAGE,
)


class ModelDeployment(Resource):
    """A model that runs on hardware of your own, or that somebody else hosts."""

    KIND: ClassVar[Kind] = Kind(
        "ModelDeployment",
        "modeldeployments",
        "mdep",
        namespaced=True,
        columns=COLUMNS,
        scale={
            "specReplicasPath": ".spec.scale.replicas",
            "statusReplicasPath": ".status.replicas",
            "labelSelectorPath": ".status.selector",
        },
    )
    STATUS: ClassVar[type[Status]] = ModelDeploymentStatus
    RULES: ClassVar[tuple[Rule, ...]] = RULES
    TRANSITIONS: ClassVar[tuple[Transition, ...]] = TRANSITIONS

    kind: Literal["ModelDeployment"] = "ModelDeployment"
    spec: ModelDeploymentSpec = Field(description="The model, what serves it, and where it may run.")
