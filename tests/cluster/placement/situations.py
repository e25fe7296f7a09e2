"""Fleets that stand still, and where the replicas of their model are to run: one row is one situation."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tests.cluster.placement.fleet import ONE_GPU
from tests.cluster.placement.ground import GPU, TPU, taint

REGION, ZONE, NODE = (
    "topology.kubernetes.io/region",
    "topology.kubernetes.io/zone",
    "kubernetes.io/hostname",
)
TOLERATES = {"tolerations": [{"key": GPU, "operator": "Exists", "effect": "NoSchedule"}]}


class Of(NamedTuple):
    """What one of the methods of a fleet that make something is called with."""

    words: tuple[Any, ...]
    named: dict[str, Any]


def of(*words: Any, **named: Any) -> Of:
    """These arguments."""
    return Of(words, named)


@dataclass(frozen=True, slots=True)
class Situation:
    """A fleet, and what is to come of it."""

    sentence: str
    nodes: tuple[Of, ...]
    classes: tuple[Of, ...]
    model: Of
    running: Mapping[str, int]
    waiting: Mapping[str, int] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)
    """What the model says of a class."""
    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """What its message on a class names."""
    spread: tuple[str, Mapping[str, int]] | None = None
    """A label of nodes, and how many replicas are where it has which value; those of the cluster end otherwise."""
    conditions: Mapping[str, str] = field(default_factory=dict)
    """Reasons of conditions of the model."""


CPU_NODE, CPU = of("cpu"), of("cpu")
GPU_CLASS = of("gpu", ONE_GPU)

CHOSEN = (
    Situation(
        "a model runs on the only class that it names",
        (CPU_NODE,),
        (CPU,),
        of("m", "cpu", replicas=2),
        {"cpu": 2},
        reasons={"cpu": "Chosen"},
        conditions={"Placed": "Placed", "Available": "Available", "Misplaced": "WellPlaced"},
    ),
    Situation(
        "of two classes with room the first is taken",
        (of("gpu", gpu="2"), CPU_NODE),
        (GPU_CLASS, CPU),
        of("m", "gpu", "cpu", replicas=2),
        {"gpu": 2},
        reasons={"gpu": "Chosen", "cpu": "NotNeeded"},
    ),
    Situation(
        "a spot class that is named first is taken before a reserved one: the order is the user's",
        (of("spot", gpu="1"), of("kept", gpu="1")),
        (of("spot", ONE_GPU, capacity={"market": "spot"}), of("kept", ONE_GPU, capacity={"market": "reserved"})),
        of("m", "spot", "kept"),
        {"spot": 1},
        reasons={"spot": "Chosen", "kept": "NotNeeded"},
    ),
    Situation(
        "a taint that the class tolerates keeps nobody away",
        (of("gpu", gpu="1", taints=[taint(GPU, value="present")]), CPU_NODE),
        (of("gpu", ONE_GPU, nodes=TOLERATES), CPU),
        of("m", "gpu", "cpu"),
        {"gpu": 1},
        reasons={"gpu": "Chosen"},
    ),
    Situation(
        "a taint is tolerated by its value",
        (of("gpu", gpu="1", taints=[taint("team", value="ours")]),),
        (of("gpu", ONE_GPU, nodes={"tolerations": [{"key": "team", "operator": "Equal", "value": "ours"}]}),),
        of("m", "gpu"),
        {"gpu": 1},
        reasons={"gpu": "Chosen"},
    ),
    Situation(
        "a taint that only asks to be avoided keeps nobody away",
        (of("gpu", gpu="1", taints=[taint("noisy", "PreferNoSchedule")]), CPU_NODE),
        (GPU_CLASS, CPU),
        of("m", "gpu", "cpu"),
        {"gpu": 1},
        reasons={"gpu": "Chosen"},
    ),
    Situation(
        "an accelerator of another make takes four units a replica",
        (of("tpu", 2, tpu="4"),),
        (of("tpu", {TPU: "1", "cpu": "1"}),),
        of("m", ("tpu", 4), replicas=2),
        {"tpu": 2},
        reasons={"tpu": "Chosen"},
        spread=(NODE, {"tpu-0": 1, "tpu-1": 1}),
    ),
    Situation(
        "no replica is wanted",
        (CPU_NODE,),
        (CPU,),
        of("m", "cpu", replicas=0),
        {},
        conditions={"Placed": "ScaledToZero", "Available": "ScaledToZero"},
    ),
    Situation(
        "a class that does not suit the work is taken all the same, and it is told",
        (CPU_NODE,),
        (of("cpu", suits=["embedding"]),),
        of("m", "cpu"),
        {"cpu": 1},
        reasons={"cpu": "Chosen"},
        conditions={"Misplaced": "Misplaced"},
    ),
    Situation(
        "the first of the regions is preferred",
        (of("cpu", zone="eu-a"), of("cpu", zone="us-a")),
        (CPU,),
        of("m", "cpu", placement={"regions": ["us", "eu"], "spread": "none"}),
        {"cpu": 1},
        spread=(REGION, {"us": 1}),
    ),
    Situation(
        "a region that is not named is not used",
        (of("cpu", 2, zone="eu-a"), of("cpu", zone="us-a")),
        (CPU,),
        of("m", "cpu", replicas=3, placement={"regions": ["us"]}),
        {"cpu": 3},
        spread=(REGION, {"us": 3}),
    ),
    Situation(
        "three replicas are spread over three zones",
        (of("cpu", 2, zone="eu-a"), of("cpu", zone="eu-b"), of("cpu", zone="eu-c")),
        (CPU,),
        of("m", "cpu", replicas=3),
        {"cpu": 3},
        spread=(ZONE, {"eu-a": 1, "eu-b": 1, "eu-c": 1}),
    ),
    Situation(
        "replicas are spread over nodes",
        (of("cpu", 2, zone="eu-a"),),
        (CPU,),
        of("m", "cpu", replicas=4, placement={"spread": "node"}),
        {"cpu": 4},
        spread=(NODE, {"cpu-0": 2, "cpu-1": 2}),
    ),
    Situation(
        "replicas are spread over regions, however many nodes each has",
        (of("cpu", 3, zone="eu-a"), of("cpu", zone="us-a")),
        (CPU,),
        of("m", "cpu", replicas=4, placement={"spread": "region"}),
        {"cpu": 4},
        spread=(REGION, {"eu": 2, "us": 2}),
    ),
)
"""Where nothing is in the way."""

REFUSED = (
    Situation(
        "a taint that the class does not tolerate sends the model to the next class",
        (of("gpu", gpu="1", taints=[taint("team", value="theirs")]), CPU_NODE),
        (GPU_CLASS, CPU),
        of("m", "gpu", "cpu"),
        {"cpu": 1},
        reasons={"gpu": "Tainted", "cpu": "Chosen"},
        words={"gpu": ("team=theirs",)},
    ),
    Situation(
        "a label that no node has sends the model to the next class",
        (of("gpu", gpu="1"), CPU_NODE),
        (of("gpu", ONE_GPU, pool="gpus"), CPU),
        of("m", "gpu", "cpu"),
        {"cpu": 1},
        reasons={"gpu": "NoMatchingNodes", "cpu": "Chosen"},
        words={"gpu": ("test.modelfleet.dev/pool",)},
    ),
    Situation(
        "a class that nobody has made sends the model to the next class",
        (CPU_NODE,),
        (CPU,),
        of("m", "gone", "cpu"),
        {"cpu": 1},
        reasons={"gone": "HardwareClassNotFound", "cpu": "Chosen"},
    ),
    Situation(
        "a class of another namespace sends the model to the next class",
        (of("gpu", gpu="1"), CPU_NODE),
        (of("gpu", ONE_GPU, allowedNamespaces=["others"]), CPU),
        of("m", "gpu", "cpu"),
        {"cpu": 1},
        reasons={"gpu": "RefNotPermitted", "cpu": "Chosen"},
        words={"gpu": ("allowedNamespaces",)},
    ),
    Situation(
        "a class without nodes in the regions of the model is left out",
        (of("gpu", gpu="1", zone="us-a"), of("cpu", zone="eu-a")),
        (GPU_CLASS, CPU),
        of("m", "gpu", "cpu", placement={"regions": ["eu"]}),
        {"cpu": 1},
        reasons={"gpu": "NoNodesInRegion", "cpu": "Chosen"},
        words={"gpu": ("eu", "us")},
    ),
    Situation(
        "a replica larger than any node goes to the next class",
        (of("gpu", 2, gpu="2"), CPU_NODE),
        (GPU_CLASS, CPU),
        of("m", ("gpu", 4), "cpu"),
        {"cpu": 1},
        reasons={"gpu": "DoesNotFit", "cpu": "Chosen"},
        words={"gpu": ("4", "2")},
    ),
    Situation(
        "a replica larger than all that may be used goes to the next class",
        (of("gpu", gpu="8"), CPU_NODE),
        (of("gpu", ONE_GPU, capacity={"maxUnits": 3}), CPU),
        of("m", ("gpu", 4), "cpu"),
        {"cpu": 1},
        reasons={"gpu": "DoesNotFit", "cpu": "Chosen"},
        words={"gpu": ("maxUnits", "3")},
    ),
    Situation(
        "nodes whose device plugin is missing hold no unit",
        (of("gpu"), CPU_NODE),
        (GPU_CLASS, CPU),
        of("m", "gpu", "cpu"),
        {"cpu": 1},
        reasons={"gpu": "DoesNotFit", "cpu": "Chosen"},
        words={"gpu": (GPU,)},
    ),
    Situation(
        "nodes that are down take nobody",
        (of("gpu", gpu="1", alive=False), CPU_NODE),
        (GPU_CLASS, CPU),
        of("m", "gpu", "cpu"),
        {"cpu": 1},
        reasons={"gpu": "NodesNotReady", "cpu": "Chosen"},
    ),
)
"""Where a class cannot take the model."""

SHORT = (
    Situation(
        "what a full class cannot take goes to the next one",
        (of("gpu", 2, gpu="1"), CPU_NODE),
        (GPU_CLASS, CPU),
        of("m", "gpu", "cpu", replicas=3),
        {"gpu": 2, "cpu": 1},
        reasons={"gpu": "Full", "cpu": "Chosen"},
    ),
    Situation(
        "three classes are filled in their order",
        (of("gpu", gpu="1"), of("tpu", tpu="2"), CPU_NODE),
        (GPU_CLASS, of("tpu", {TPU: "1"}), CPU),
        of("m", "gpu", "tpu", "cpu", replicas=5),
        {"gpu": 1, "tpu": 2, "cpu": 2},
        reasons={"gpu": "Full", "tpu": "Full", "cpu": "Chosen"},
    ),
    Situation(
        "no more units are used than may be, whatever the nodes hold",
        (of("gpu", gpu="8"), CPU_NODE),
        (of("gpu", ONE_GPU, capacity={"maxUnits": 2}), CPU),
        of("m", "gpu", "cpu", replicas=3),
        {"gpu": 2, "cpu": 1},
        reasons={"gpu": "Full", "cpu": "Chosen"},
        words={"gpu": ("maxUnits",)},
    ),
    Situation(
        "whole replicas are counted: seven free units hold three of two units",
        (of("gpu", gpu="7"), CPU_NODE),
        (GPU_CLASS, CPU),
        of("m", ("gpu", 2), "cpu", replicas=4),
        {"gpu": 3, "cpu": 1},
        reasons={"gpu": "Full", "cpu": "Chosen"},
    ),
    Situation(
        "units on several nodes do not make room for a replica that needs them on one",
        (of("gpu", 3, gpu="3"), CPU_NODE),
        (GPU_CLASS, CPU),
        of("m", ("gpu", 2), "cpu", replicas=4),
        {"gpu": 3, "cpu": 1},
        reasons={"gpu": "Full", "cpu": "Chosen"},
    ),
    Situation(
        "memory fills a node before its CPUs do",
        (of("small", memory="4Gi"), CPU_NODE),
        (of("small", {"cpu": "1", "memory": "2Gi"}), CPU),
        of("m", "small", "cpu", replicas=3),
        {"small": 2, "cpu": 1},
        reasons={"small": "Full", "cpu": "Chosen"},
    ),
    Situation(
        "units may be parts of a CPU",
        (of("small", cpu="1"), CPU_NODE),
        (of("small", {"cpu": "300m"}), CPU),
        of("m", "small", "cpu", replicas=4),
        {"small": 3, "cpu": 1},
        reasons={"small": "Full", "cpu": "Chosen"},
    ),
    Situation(
        "a node beside a tainted one takes what it can",
        (of("gpu", gpu="1"), of("gpu", gpu="1", taints=[taint("team")]), CPU_NODE),
        (GPU_CLASS, CPU),
        of("m", "gpu", "cpu", replicas=2),
        {"gpu": 1, "cpu": 1},
        reasons={"gpu": "Full", "cpu": "Chosen"},
        spread=(NODE, {"gpu-0": 1, "cpu-2": 1}),
    ),
    Situation(
        "a replica for which there is room nowhere waits, in the words of the scheduler",
        (of("gpu", 2, gpu="1"),),
        (GPU_CLASS,),
        of("m", "gpu", replicas=3),
        {"gpu": 2},
        waiting={"gpu": 1},
        reasons={"gpu": "Unschedulable"},
        words={"gpu": ("Insufficient nvidia.com/gpu",)},
        conditions={"Placed": "Unschedulable", "Available": "Available"},
    ),
    Situation(
        "where every class is refused the model waits on one of them",
        (of("gpu", gpu="1", taints=[taint("team", value="theirs")]),),
        (GPU_CLASS,),
        of("m", "gpu"),
        {},
        waiting={"gpu": 1},
        reasons={"gpu": "Tainted"},
        conditions={"Placed": "Unschedulable"},
    ),
    Situation(
        "a class whose nodes may be made on demand is chosen without any, and waits for them",
        (),
        (of("gpu", ONE_GPU, capacity={"provision": True}),),
        of("m", "gpu", placement={"pendingTimeout": "1h"}),
        {},
        waiting={"gpu": 1},
        reasons={"gpu": "Chosen"},
        conditions={"Placed": "Unschedulable"},
    ),
    Situation(
        "where nobody makes the nodes in time the next class is taken",
        (CPU_NODE,),
        (of("gpu", ONE_GPU, capacity={"provision": True}), CPU),
        of("m", "gpu", "cpu", placement={"returnAfter": "1h"}),
        {"cpu": 1},
        reasons={"gpu": "Unschedulable", "cpu": "Chosen"},
    ),
    Situation(
        "a node that takes no more pods is full for the scheduler, and the next class is taken",
        (of("small", pods="1"), CPU_NODE),
        (of("small"), CPU),
        of("m", "small", "cpu", replicas=2, placement={"returnAfter": "1h"}),
        {"small": 1, "cpu": 1},
        reasons={"cpu": "Chosen"},
    ),
)
"""Where there is less than is asked for."""

TABLE = CHOSEN + REFUSED + SHORT
