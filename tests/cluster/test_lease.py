"""The Lease on a real API server: who gets it, how it passes on, and that it is written by nobody else."""

import logging
import time
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from modelfleet.kube.client import Client, check_version
from modelfleet.kube.config import connect
from modelfleet.kube.errors import Conflict, Unauthorized, Untrusted
from modelfleet.kube.lease import LeaseKeeper
from tests.testbed.api import wait_for
from tests.testbed.bed import Bed

NAME = "modelfleet-operator"


class Clock:
    """A monotonic clock that can be put forward."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.ahead


@pytest.fixture
def client(bed: Bed, monkeypatch: pytest.MonkeyPatch) -> Client:
    monkeypatch.setenv("KUBECONFIG", str(bed.kubeconfig))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return connect("modelfleet/test")


@pytest.fixture
def keeper(client: Client, namespace: str) -> Iterator[Callable[..., LeaseKeeper]]:
    made: list[LeaseKeeper] = []

    def make(identity: str, **more: Any) -> LeaseKeeper:
        made.append(LeaseKeeper(client, namespace, NAME, identity, **more))
        return made[-1]

    yield make
    for one in made:
        one.stop()


def spec(bed: Bed, namespace: str) -> dict[str, Any]:
    path = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/{NAME}"
    found: dict[str, Any] = bed.api.get(path).body["spec"]
    return found


def test_of_two_keepers_one_holds_and_the_other_follows_at_once_when_it_is_stopped(
    bed: Bed, namespace: str, keeper: Callable[..., LeaseKeeper]
) -> None:
    changes: list[str] = []
    one = keeper("one", on_change=lambda holds: changes.append(f"one {holds}"))
    two = keeper("two", on_change=lambda holds: changes.append(f"two {holds}"))
    one.start()
    wait_for("the first to hold", one.holds)
    two.start()
    wait_for("the second to look", lambda: two.holder == "one")
    assert not two.holds()
    first = spec(bed, namespace)
    assert (first["holderIdentity"], first["leaseDurationSeconds"], first["leaseTransitions"]) == ("one", 15, 0)
    began = time.monotonic()
    one.stop()
    assert time.monotonic() - began < 2
    assert not one.holds()
    wait_for("the second to hold", two.holds, patience=4)
    assert changes == ["one True", "one False", "two True"]
    second = spec(bed, namespace)
    assert (second["holderIdentity"], second["leaseTransitions"]) == ("two", 1)
    two.stop()
    released = spec(bed, namespace)
    assert (released.get("holderIdentity", ""), released["leaseDurationSeconds"]) == ("", 1)


def test_a_running_holder_renews_every_two_seconds(
    bed: Bed, namespace: str, keeper: Callable[..., LeaseKeeper]
) -> None:
    one = keeper("one")
    one.start()
    wait_for("the first to hold", one.holds)
    first = spec(bed, namespace)["renewTime"]
    wait_for("a renewal", lambda: spec(bed, namespace)["renewTime"] != first, patience=3)


def test_a_lease_that_nobody_renews_passes_on_after_fifteen_seconds_of_the_standbys_own_clock(
    bed: Bed, namespace: str, keeper: Callable[..., LeaseKeeper]
) -> None:
    of_one, of_two = Clock(), Clock()
    one, two = keeper("one", clock=of_one), keeper("two", clock=of_two)
    one.step()
    two.step()
    of_two.ahead = 14
    two.step()
    assert not two.holds()
    of_one.ahead = of_two.ahead = 15.5
    assert not one.holds()
    two.step()
    assert two.holds()
    one.step()
    assert not one.holds()
    assert one.holder == "two"
    assert spec(bed, namespace)["leaseTransitions"] == 1


def test_a_holder_that_was_robbed_writes_nothing_over_the_thief(
    bed: Bed, namespace: str, keeper: Callable[..., LeaseKeeper]
) -> None:
    one = keeper("one")
    one.step()
    path = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/{NAME}"
    bed.api.merge(path, {"spec": {"holderIdentity": "thief"}})
    one.step()
    assert not one.holds()
    assert spec(bed, namespace)["holderIdentity"] == "thief"


def test_a_holder_whose_lease_was_deleted_makes_it_again(
    bed: Bed, namespace: str, keeper: Callable[..., LeaseKeeper]
) -> None:
    one = keeper("one")
    one.step()
    bed.api.delete(f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/{NAME}")
    one.step()
    assert one.holds()
    assert spec(bed, namespace)["holderIdentity"] == "one"


def test_the_server_refuses_a_write_over_a_lease_that_changed(
    client: Client, namespace: str, keeper: Callable[..., LeaseKeeper]
) -> None:
    one = keeper("one")
    one.step()
    path = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/{NAME}"
    seen = client.request("GET", path)
    one.step()
    with pytest.raises(Conflict, match="modified"):
        client.request("PUT", path, body=seen)


def test_the_client_reads_lists_in_pages_and_the_servers_version(client: Client) -> None:
    whole, paged = client.list(dict, "/api/v1/namespaces"), client.list(dict, "/api/v1/namespaces", page=1)
    assert [item["metadata"]["uid"] for item in paged.items] == [item["metadata"]["uid"] for item in whole.items]
    assert {item["kind"] for item in paged.items} == {"Namespace"}
    assert check_version(client.server_version()) is None
    assert client.ssl_context() is not None


def test_a_token_that_the_server_does_not_know_is_never_shown(
    bed: Bed, client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    assert client.headers()
    token = "canary-of-the-test"
    bad = bed.folder / "unknown.kubeconfig"
    bad.write_text(bed.kubeconfig.read_text().replace("testbed-admin", token))
    monkeypatch.setenv("KUBECONFIG", str(bad))
    with caplog.at_level(logging.DEBUG), pytest.raises(Unauthorized) as caught:
        connect("modelfleet/test").list(dict, "/api/v1/nodes")
    assert token not in "".join([repr(caught.value), *traceback.format_exception(caught.value), caplog.text])


def test_a_certificate_that_was_exchanged_is_read_again(
    bed: Bed, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert client.server_version()
    good = bed.kubeconfig.read_text()
    changing = bed.folder / "changing.kubeconfig"
    monkeypatch.setenv("KUBECONFIG", str(changing))
    # The system's authorities know nothing of the server's.
    changing.write_text(good.replace('"certificate-authority"', '"not-an-authority"'))
    late = connect("modelfleet/test")
    with pytest.raises(Untrusted, match="CERTIFICATE_VERIFY_FAILED"):
        late.server_version()
    changing.write_text(good)
    assert late.server_version() == client.server_version()
