"""Simulated nodes of the hardware that the samples name, over three zones and two regions."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

ZONES = (("eu-west-1", "eu-west-1a"), ("eu-west-1", "eu-west-1b"), ("us-east-1", "us-east-1a"))
GPU_TAINT = ({"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"},)


@dataclass(frozen=True)
class Hardware:
    """What the nodes of one class have."""

    name: str
    labels: Mapping[str, str]
    resources: Mapping[str, str]
    taints: tuple[Mapping[str, str], ...] = ()
    zones: tuple[tuple[str, str], ...] = ZONES


def _pool(name: str) -> dict[str, str]:
    return {"modelfleet.example.com/pool": name}


HARDWARE = (
    Hardware("cpu-large", _pool("cpu-large"), {"cpu": "32", "memory": "128Gi"}),
    Hardware(
        "gpu-l4",
        {"cloud.google.com/gke-accelerator": "nvidia-l4"},
        {"cpu": "26", "memory": "100Gi", "nvidia.com/gpu": "4"},
        GPU_TAINT,
    ),
    Hardware("gpu-a10", _pool("gpu-a10"), {"cpu": "34", "memory": "130Gi", "nvidia.com/gpu": "4"}, GPU_TAINT),
    Hardware(
        "gpu-h100",
        {"nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3"},
        {"cpu": "100", "memory": "800Gi", "nvidia.com/gpu": "4"},
        GPU_TAINT,
        ZONES[:2],
    ),
    Hardware(
        "gpu-t4",
        {"node.kubernetes.io/instance-type": "g4dn.xlarge"},
        {"cpu": "4", "memory": "16Gi", "nvidia.com/gpu": "1"},
        GPU_TAINT,
    ),
    Hardware("annealer", _pool("annealer"), {"cpu": "8", "memory": "16Gi"}, zones=ZONES[:1]),
)


def nodes() -> Iterator[dict[str, Any]]:
    """The Node objects; KWOK brings them to life."""
    for hardware in HARDWARE:
        for number, (region, zone) in enumerate(hardware.zones):
            yield node(f"{hardware.name}-{number}", hardware, region, zone)


def node(name: str, hardware: Hardware, region: str, zone: str) -> dict[str, Any]:
    """One node of this hardware."""
    labels = {
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": "amd64",
        "topology.kubernetes.io/region": region,
        "topology.kubernetes.io/zone": zone,
        **hardware.labels,
    }
    amounts = {"pods": "110", **hardware.resources}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels, "annotations": {"kwok.x-k8s.io/node": "fake"}},
        "spec": {"taints": [dict(taint) for taint in hardware.taints]},
        "status": {"capacity": amounts, "allocatable": amounts},
    }
