"""What a gateway knows of the replicas of a model, and which of them get requests, from slices, pods and nodes."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import pytest

from modelfleet.envoy.names import NAMESPACE
from tests.cluster.gateways.engines import Engines
from tests.cluster.gateways.field import DRAIN, Straight
from tests.cluster.gateways.load import Users
from tests.cluster.gateways.scene import Scene
from tests.cluster.operator.objects import make, routed
from tests.cluster.operator.pods import UNREADY
from tests.cluster.placement.fleet import HARDWARE, MODEL, Fleet, corner
from tests.dataplane.support.records import Records
from tests.testbed.api import wait_for
from tests.testbed.bed import Bed, expect, is_true

SLICES = "apis/discovery.k8s.io/v1"
OURS = {"app.kubernetes.io/managed-by": "modelfleet", MODEL: "m"}
RATE = 150.0
SLOW_S = 5.0
"""How long the share of a new replica grows."""
Pod = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """The model `m` of a test behind a gateway. It is asked for by the name of the test's namespace."""

    scene: Scene
    fleet: Fleet
    engines: Engines

    @property
    def served(self) -> str:
        return self.fleet.namespace

    def declare(self, *classes: str, replicas: int, **spec: Any) -> None:
        """The model and its policy."""
        self.fleet.model("m", *classes, replicas=replicas, **spec)
        make(self.fleet.api, routed("p", self.served, "m", serves=self.served))

    def runs(self, replicas: int, **spec: Any) -> None:
        """The model on a class of its own, once the gateway has so many of its replicas."""
        self.fleet.nodes("cpu")
        self.fleet.hardware("cpu")
        self.fleet.wait_until_up()
        self.declare("cpu", replicas=replicas, **spec)
        self.has(replicas)

    def has(self, replicas: int) -> None:
        """Waits until the gateway knows so many, and serves."""
        wait_for(f"{replicas} endpoints", lambda: len(self.known()) == replicas)
        self.scene.answers(self.served)

    def known(self) -> set[str]:
        """The addresses that the gateway has."""
        return self.scene.envoys[0].endpoints(f"{self.served}/m")

    def users(self) -> Users:
        """Requests at a steady rate."""
        return Users(self.scene.address(), {self.served: 1}, RATE, seed=10)

    def pods(self) -> list[Pod]:
        """Those that are ready."""
        return [pod for pod in self.fleet.pods() if is_true(pod, "Ready")]

    def mark(self, pod: Pod, **annotations: str | None) -> None:
        """Annotates a pod for the simulated kubelet."""
        names = {"drain": DRAIN, "unready": UNREADY}
        said = {names[name]: text for name, text in annotations.items()}
        expect(self.fleet.api.merge(self._path(pod), {"metadata": {"annotations": said}}), HTTPStatus.OK)

    def delete(self, pod: Pod) -> None:
        expect(self.fleet.api.delete(self._path(pod)), HTTPStatus.OK)

    def exists(self, pod: Pod) -> bool:
        return self.fleet.api.get(self._path(pod)).status == HTTPStatus.OK

    def put_slice(self, name: str, *addresses: str, labels: dict[str, str]) -> None:
        """Somebody's own slice of replicas that are ready."""
        path = f"/{SLICES}/namespaces/{self.served}/endpointslices/{name}"
        made = {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {"name": name, "labels": labels},
            "addressType": "IPv4",
            "ports": [{"name": "http", "port": 8000, "protocol": "TCP"}],
            "endpoints": [{"addresses": [address], "conditions": {"ready": True}} for address in addresses],
        }
        expect(self.fleet.api.apply(path, made), HTTPStatus.OK, HTTPStatus.CREATED)

    def _path(self, pod: Pod) -> str:
        return f"/api/v1/namespaces/{self.served}/pods/{pod['metadata']['name']}"


@pytest.fixture(scope="module")
def running(bed: Bed) -> Iterator[Scene]:
    """A gateway and all that programs it, for the tests of this module."""
    with Scene(bed, Straight(bed)) as scene:
        scene.start_xds()
        scene.start_operator()
        scene.start_envoy()
        yield scene


@pytest.fixture
def case(running: Scene, bed: Bed, engines: Engines, namespace: str) -> Iterator[Case]:
    """A corner of the cluster behind that gateway."""
    with corner(bed, namespace) as fleet:
        yield Case(running, fleet, engines)


def address(pod: Pod) -> str:
    return str(pod["status"]["podIP"])


def places(scene: Scene, model: str) -> dict[str, tuple[str, str, str]]:
    """Region, zone and hardware of each address of a model, by Envoy's own dump of what it was sent."""
    status, body = scene.envoys[0].ask("/config_dump?include_eds&resource=dynamic_endpoint_configs")
    assert status == HTTPStatus.OK, body
    configs = [one["endpoint_config"] for one in json.loads(body)["configs"]]
    (found,) = [one for one in configs if one["cluster_name"] == model]
    return {
        one["endpoint"]["address"]["socket_address"]["address"]: (
            group["locality"]["region"],
            group["locality"]["zone"],
            one["metadata"]["filter_metadata"][NAMESPACE]["hardware"],
        )
        for group in found["endpoints"]
        for one in group["lb_endpoints"]
    }


def test_each_endpoint_has_region_and_zone_of_its_node_and_the_class_of_its_pod(case: Case) -> None:
    fleet = case.fleet
    fleet.nodes("fast", cpu="2", zone="eu-a")
    fleet.nodes("slow", zone="us-a")
    fleet.nodes("slow", zone="us-b")
    fleet.hardware("fast")
    fleet.hardware("slow")
    fleet.wait_until_up()
    case.declare("fast", "slow", replicas=4)
    fleet.runs_on(fast=2, slow=2)
    wait_for("4 endpoints", lambda: case.known() == {address(pod) for pod in case.pods()})
    zones = {"fast": {("eu", "eu-a")}, "slow": {("us", "us-a"), ("us", "us-b")}}
    found = places(case.scene, f"{case.served}/m")
    for pod in case.pods():
        hardware = pod["metadata"]["labels"][HARDWARE]
        region, zone, said = found[address(pod)]
        assert said == hardware
        assert (region, zone) in zones[fleet.local(hardware)]
        assert zone == fleet.seen(pod["spec"]["nodeName"])["metadata"]["labels"]["topology.kubernetes.io/zone"]
    assert {place[:2] for place in found.values()} == {("eu", "eu-a"), ("us", "us-a"), ("us", "us-b")}
    answer = case.scene.answers(case.served)
    served = Records(case.scene.folder / "default.jsonl").of(answer)["served"]
    assert served["hardware"] == found[served["endpoint"].rpartition(":")[0]][2]


def test_a_replica_that_is_asked_to_go_gets_no_request_while_another_is_ready(case: Case) -> None:
    case.runs(2)
    leaving, staying = case.pods()
    case.mark(leaving, drain="3s")
    with case.users() as users:
        users.wait_for(30)
        case.delete(leaving)
        wait_for("it to be left out", lambda: address(leaving) not in case.known(), patience=1)
        asked_to_go = time.monotonic()
        users.wait_for(150)
        assert case.exists(leaving), "it went too soon for this test to tell anything"
    counts = case.engines.counts(asked_to_go + 0.1)
    assert counts[address(leaving)] == 0
    assert counts[address(staying)] > 0
    assert not [fate for fate in users.noted if fate.why]


def test_the_last_replica_that_serves_is_asked_while_it_goes(case: Case) -> None:
    case.runs(1)
    (last,) = case.pods()
    case.mark(last, drain="4s")
    case.fleet.cordon(last["spec"]["nodeName"])  # so that nobody takes its place
    with case.users() as users:
        case.delete(last)
        began = time.monotonic()
        users.wait_for(300)
    assert time.monotonic() - began > 1.5
    assert case.exists(last), "it went too soon for this test to tell anything"
    assert not [fate for fate in users.noted if fate.why]
    wait_for("it to be gone", lambda: not case.known())
    assert case.scene.ask(case.served).status == HTTPStatus.SERVICE_UNAVAILABLE


def test_a_replica_that_is_not_ready_leaves_within_a_second_and_comes_back(case: Case) -> None:
    case.runs(2)
    ill, well = case.pods()
    with case.users() as users:
        users.wait_for(30)
        case.mark(ill, unready="overloaded")
        fell_ill = time.monotonic()
        users.wait_for(250)
        recovered = time.monotonic()
        case.mark(ill, unready=None)
        users.wait_for(250)
    times = [one.at for one in case.engines.asked if one.address == address(ill)]
    last = max(at for at in times if at < recovered)
    assert last - fell_ill < 1, f"it was asked {last - fell_ill:.2f} s after it was not ready any more"
    assert min(at for at in times if at > recovered) - recovered < 1
    assert case.engines.counts(fell_ill)[address(well)] > 0
    assert not [fate for fate in users.noted if fate.why]


def test_the_share_of_a_new_replica_grows_where_a_model_says_so(case: Case) -> None:
    case.runs(2, warmup={"slowStart": f"{SLOW_S:.0f}s"})
    old = case.known()
    time.sleep(SLOW_S + 0.5)
    with case.users() as users:
        case.fleet.scale("m", 3)
        case.has(3)
        (new,) = case.known() - old
        began = time.monotonic()
        users.wait_for(round(RATE * (SLOW_S + 3)))
    asked = case.engines.asked

    def share(since: float, until: float) -> float:
        those = [one.address for one in asked if since <= one.at - began < until]
        return those.count(new) / len(those)

    assert share(0, 1.5) < 0.2
    assert share(SLOW_S + 0.5, SLOW_S + 3) > 0.25


def test_a_slice_of_somebody_else_is_not_looked_at(case: Case) -> None:
    case.runs(1)
    (own,) = case.known()
    case.put_slice("of-nobody", "10.244.201.1", labels={"kubernetes.io/service-name": "m"})
    case.put_slice("of-another", "10.244.201.2", labels={MODEL: "m", "app.kubernetes.io/managed-by": "another"})
    case.put_slice("of-ours", "10.244.201.3", labels=OURS)
    wait_for("a slice with our labels to be seen", lambda: "10.244.201.3" in case.known())
    assert case.known() == {own, "10.244.201.3"}


def test_endpoints_that_move_from_one_slice_to_another_are_asked_all_the_while(case: Case) -> None:
    addresses = [f"10.244.202.{number}" for number in range(1, 5)]
    case.declare(replicas=0)
    case.put_slice("left", *addresses, labels=OURS)
    case.has(len(addresses))
    (xds,) = case.scene.xds
    before = xds.metric("xds_answers_total", type="ClusterLoadAssignment")
    with case.users() as users:
        for number in range(1, len(addresses) + 1):
            case.put_slice("right", *addresses[:number], labels=OURS)
            users.wait_for(20)
            case.put_slice("left", *addresses[number:], labels=OURS)
            users.wait_for(20)
    assert not [fate for fate in users.noted if fate.why]
    assert case.known() == set(addresses)
    assert xds.metric("xds_answers_total", type="ClusterLoadAssignment") == before, "a gateway was told of the moves"
    case.put_slice("right", *addresses[1:], labels=OURS)
    wait_for("one to be gone", lambda: case.known() == set(addresses[1:]))
