"""An operator of some namespaces: it looks into no others, and writes on nothing that all share."""

import contextlib
import uuid
from collections.abc import Callable, Iterator
from http import HTTPStatus

import pytest

from modelfleet.sources.kinds import WATCHED
from tests.cluster.operator.objects import (
    SERVED,
    condition,
    gone,
    hardware,
    hosted,
    make,
    routed,
    status,
    url,
    wait_for_condition,
)
from tests.cluster.operator.pods import placed_model
from tests.cluster.operator.process import Operator, running
from tests.cluster.operator.secrets import keep, refs, with_key, with_variables
from tests.testbed.bed import Bed, expect
from tests.testbed.faults import Delay, FaultProxy, Rule
from tests.testbed.faults.rules import Handle

SHARED = {"hardwareclasses", "nodes"}
PLURALS = [watched.plural for watched in WATCHED]


@pytest.fixture
def namespaces(bed: Bed, namespace: str) -> Iterator[tuple[str, str, str]]:
    """Two that are served and one that is not."""
    names = (namespace, f"test-{uuid.uuid4().hex[:8]}", f"test-{uuid.uuid4().hex[:8]}")
    for name in names[1:]:
        expect(bed.api.create("/api/v1/namespaces", {"metadata": {"name": name}}), HTTPStatus.CREATED)
    yield names
    for name in names[1:]:
        bed.api.delete(f"/api/v1/namespaces/{name}")


@pytest.fixture
def serving(proxy: FaultProxy, namespaces: tuple[str, str, str]) -> Iterator[Operator]:
    """An operator of the first two."""
    with running(proxy, "operator", f"--namespace={namespaces[0]}", f"--namespace={namespaces[1]}") as operator:
        yield operator


@pytest.fixture
def hardware_class(bed: Bed, namespace: str) -> Iterator[str]:
    name = f"cpu-{namespace}"
    make(bed.api, hardware(name))
    yield name
    with contextlib.suppress(AssertionError):
        gone(bed.api, "HardwareClass", "", name)


def counted(proxy: FaultProxy, path: str) -> Handle:
    """Counts what is listed or watched at a path from now on."""
    return proxy.add(Rule(Delay(0), verb="read", path=path))


def test_only_the_namespaces_that_are_named_are_listed_and_watched(
    bed: Bed, proxy: FaultProxy, namespaces: tuple[str, str, str], evidence: Callable[..., None]
) -> None:
    whole = {watched.plural: counted(proxy, watched.path()) for watched in WATCHED}
    parts = {watched.plural: counted(proxy, watched.path("*")) for watched in WATCHED}
    elsewhere = proxy.add(Rule(Delay(0), verb="read", namespace=namespaces[2]))
    first, second, third = namespaces
    with running(proxy, "operator", f"--namespace={first}", f"--namespace={second}", "-n", first):
        for name in namespaces:
            keep(bed.api, name, "keys", token="sesame")
            make(bed.api, with_key("a", name, "keys"))
        for name in (first, second):
            wait_for_condition(bed.api, "ModelDeployment", name, "a", "Ready", "True")
        watches = {one.plural: proxy.watches("operator", one.plural) for one in SERVED}
    assert status(bed.api, "ModelDeployment", third, "a") == {}
    assert elsewhere.matched == 0
    assert {plural for plural, handle in whole.items() if handle.matched} == SHARED
    assert {plural for plural, handle in parts.items() if handle.matched} == {*PLURALS} - SHARED
    assert watches == {one.plural: 1 if one.plural in SHARED else 2 for one in SERVED}
    evidence(watches=sum(watches.values()))


def test_what_is_elsewhere_is_left_as_it_is_whatever_happens_to_it(
    bed: Bed, proxy: FaultProxy, namespaces: tuple[str, str, str], serving: Operator
) -> None:
    first, second, third = namespaces
    for name in namespaces:
        make(bed.api, hosted("frontier", name), routed("chat", name, "frontier", f"{name}/chat"))
        make(bed.api, routed("bad", name, "nobody", f"{name}/bad"))
    for name in (first, second):
        wait_for_condition(bed.api, "RoutingPolicy", name, "bad", "Ready", "ModelNotFound")
    gone(bed.api, "ModelDeployment", third, "frontier")
    gone(bed.api, "ModelDeployment", second, "frontier")
    assert wait_for_condition(bed.api, "RoutingPolicy", second, "chat", "Ready", "ModelNotFound")
    assert {write.namespace for write in proxy.writes if write.resource != "leases"} == {first, second}
    assert status(bed.api, "RoutingPolicy", third, "chat") == {}
    assert expect(bed.api.get(f"/api/v1/namespaces/{third}/events"), HTTPStatus.OK)["items"] == []
    assert serving.metric("objects", kind="RoutingPolicy") == 4


def test_classes_and_nodes_are_read_by_it_and_written_on_by_those_who_serve_the_whole_cluster(
    bed: Bed, namespace: str, proxy: FaultProxy, namespaces: tuple[str, str, str], hardware_class: str
) -> None:
    with running(proxy, "part", f"--namespace={namespaces[0]}", f"--namespace={namespaces[1]}"):
        placed_model(bed.api, namespace)
        wait_for_condition(bed.api, "ModelDeployment", namespace, "m", "Ready", "True")
        found = status(bed.api, "ModelDeployment", namespace, "m")
        assert (found["placedOn"], found["regions"][0]["readyReplicas"]) == (hardware_class, 1)
        assert status(bed.api, "HardwareClass", "", hardware_class) == {}
        gone(bed.api, "HardwareClass", "", hardware_class)
        wait_for_condition(bed.api, "ModelDeployment", namespace, "m", "ResolvedRefs", "HardwareClassNotFound")
        make(bed.api, hardware(hardware_class))
        wait_for_condition(bed.api, "ModelDeployment", namespace, "m", "ResolvedRefs", "True")
        assert [write for write in proxy.writes if write.resource == "hardwareclasses"] == []
    with running(proxy, "whole"):
        wait_for_condition(bed.api, "HardwareClass", "", hardware_class, "Ready", "True")
    assert {write.client for write in proxy.writes if write.resource == "hardwareclasses"} == {"whole"}


def test_a_namespace_that_comes_later_is_served_when_it_comes(bed: Bed, proxy: FaultProxy) -> None:
    name = f"test-{uuid.uuid4().hex[:8]}"
    # Rights in a namespace are made in it: who is there before has those of the whole cluster.
    with running(proxy, "operator", f"--namespace={name}", user="operator-everywhere") as operator:
        assert operator.is_ready()
        expect(bed.api.create("/api/v1/namespaces", {"metadata": {"name": name}}), HTTPStatus.CREATED)
        try:
            make(bed.api, hosted("frontier", name))
            wait_for_condition(bed.api, "ModelDeployment", name, "frontier", "Ready", "True")
        finally:
            bed.api.delete(f"/api/v1/namespaces/{name}")


def test_a_gap_in_the_watch_of_one_namespace_hides_no_deletion_and_takes_nothing_from_the_other(
    bed: Bed, proxy: FaultProxy, namespaces: tuple[str, str, str], serving: Operator
) -> None:
    first, second, _ = namespaces
    for name in (first, second):
        make(bed.api, hosted("frontier", name), routed("chat", name, "frontier", f"{name}/chat"))
        wait_for_condition(bed.api, "RoutingPolicy", name, "chat", "ResolvedRefs", "True")
    proxy.down("operator")
    gone(bed.api, "ModelDeployment", first, "frontier")
    proxy.up("operator")
    wait_for_condition(bed.api, "RoutingPolicy", first, "chat", "ResolvedRefs", "ModelNotFound")
    assert condition(bed.api, "RoutingPolicy", second, "chat", "ResolvedRefs")["status"] == "True"
    assert serving.metric("objects", kind="ModelDeployment") == 1
    assert bed.api.get(url("ModelDeployment", second, "frontier")).status == HTTPStatus.OK


def test_a_namespace_that_is_not_named_keeps_its_secrets_and_is_told_so(
    bed: Bed, namespace: str, proxy: FaultProxy
) -> None:
    keep(bed.api, namespace, "keys", token="sesame")
    asked = proxy.add(Rule(Delay(0), verb="read", resource="secrets"))
    with running(proxy, "operator", "--secrets-namespace=default") as operator:
        make(bed.api, with_key("a", namespace, "keys"), with_variables("b", namespace, "keys", "tuning"))
        assert refs(bed, namespace, "a", "SecretNotReadable") == (
            'spec.external.credentials.secretRef.name: Secret "keys" may not be read (the operator reads no Secrets in'
            f' namespace "{namespace}"): have the operator given the right to get it, or its namespace added to'
            " --secrets-namespace"
        )
        # What is wrong beside it is told as well: a ConfigMap is no Secret, and may be read anywhere.
        assert 'no ConfigMap "tuning" is declared' in refs(bed, namespace, "b", "SecretNotReadable")
        assert operator.metric("findings", reason="SecretNotReadable") >= 2
    assert asked.matched == 0
