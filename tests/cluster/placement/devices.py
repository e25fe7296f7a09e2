"""Devices that are claimed (dynamic resource allocation), as a driver on a node tells of them."""

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

from tests.cluster.placement.ground import Ground
from tests.testbed.bed import expect

RESOURCE = "/apis/resource.k8s.io/v1"


@contextmanager
def devices(ground: Ground, node: str, count: int, device_class: str = "") -> Iterator[str]:
    """So many devices on a node, and the DeviceClass that they are claimed through; its name."""
    name = device_class or ground.own("device")
    driver = f"{ground.namespace}.example.com"
    selector = {"cel": {"expression": f'device.driver == "{driver}"'}}
    slice_ = {
        "driver": driver,
        "nodeName": node,
        "pool": {"name": node, "generation": 1, "resourceSliceCount": 1},
        "devices": [{"name": f"d{number}"} for number in range(count)],
    }
    made = {"deviceclasses": (name, {"selectors": [selector]}), "resourceslices": (node, slice_)}
    for plural, (called, spec) in made.items():
        answer = ground.api.create(f"{RESOURCE}/{plural}", {"metadata": {"name": called}, "spec": spec})
        expect(answer, HTTPStatus.CREATED)
    try:
        yield name
    finally:
        for plural, (called, _) in made.items():
            ground.api.delete(f"{RESOURCE}/{plural}/{called}")
