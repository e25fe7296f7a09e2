"""What docs/operator.md promises: its rights are enough, a restart says nothing, options and metrics are as listed."""

import re
import time
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import pytest

from modelfleet.api.meta import API_VERSION
from modelfleet.cli.operator import command
from modelfleet.sources.kinds import BY_KIND
from modelfleet.workloads.names import claim_name, deployment_name
from tests.cluster.keda import SCALED_OBJECT
from tests.cluster.operator.objects import (
    gone,
    hardware,
    hosted,
    is_ending,
    make,
    manifest,
    routed,
    status,
    url,
    wait_for_condition,
)
from tests.cluster.operator.pods import own_model, placed_model
from tests.cluster.operator.process import Operator, running
from tests.cluster.operator.test_events import wait_for_event
from tests.cluster.operator.test_secrets import keep, with_key
from tests.cluster.operator.writers import wait_until_still
from tests.cluster.writing import (
    LABELS,
    Object,
    autoscaler,
    budget,
    claim,
    deployment,
    live,
    path_of,
    scaled_object,
    service,
    wait_until_gone,
)
from tests.sizes import scale
from tests.testbed.api import wait_for
from tests.testbed.bed import CRDS, Bed, expect
from tests.testbed.faults import FaultProxy

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "operator.md").read_text()
CHAT, KEDA, DEVICES = "chat", "scaled", "gpu.example.com"


def rows(heading: str) -> list[list[str]]:
    """The rows of the last table before the next heading."""
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    table = re.split(r"\n\|(?:---\|)+\n", section)[-1]
    return [
        [cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines() if line.startswith("|")
    ]


def quoted(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


@pytest.fixture(scope="module")
def keda(bed: Bed) -> Iterator[None]:
    """A cluster that knows what KEDA's objects are."""
    bed.install([SCALED_OBJECT])
    yield
    bed.api.delete(f"{CRDS}/{SCALED_OBJECT['metadata']['name']}")
    served = BY_KIND["ScaledObject"].path()
    wait_for("the kind to go", lambda: bed.api.get(served).status == HTTPStatus.NOT_FOUND)


@pytest.mark.parametrize("single", [False, True], ids=["all namespaces", "single namespaces"])
@pytest.mark.usefixtures("keda")
def test_the_rights_that_the_page_lists_are_all_that_it_needs(
    bed: Bed, namespace: str, proxy: FaultProxy, single: bool
) -> None:
    # In a namespace that goes away nobody may make anything, whatever his rights.
    wait_for("other tests' namespaces to be gone", lambda: not is_ending(bed.api), patience=90)
    options = [f"--namespace={namespace}"] if single else []
    # It is the account of the chart, whose rights are the page's: tests/chart/test_rights.py.
    operator = Operator(proxy, "operator", *options, f"--secrets-namespace={namespace}")
    operator.start()
    try:
        operator.wait_until_ready()
        operator.wait_until_leading()
        _use_everything(bed, namespace, shared=not single)
        _have_everything_made(bed, namespace)
        assert operator.metric("rbac_denied_total") == 0
        assert operator.metric("writes_total", outcome="Forbidden") == 0
        assert operator.ask("/healthz")[0] == HTTPStatus.OK
    finally:
        operator.stop()
        for family in ("cpu", "gpu"):
            bed.api.delete(url("HardwareClass", "", f"{family}-{namespace}"))
    assert "Forbidden" not in operator.log_text()
    assert used(proxy) == granted(all_=not single)
    # What is to go may be gone before it is asked to.
    answers = {write.status for write in proxy.writes if (write.verb, write.status) != ("delete", HTTPStatus.NOT_FOUND)}
    assert answers <= {HTTPStatus.OK, HTTPStatus.CREATED, HTTPStatus.CONFLICT}


def granted(*, all_: bool) -> set[tuple[str, str]]:
    """Each verb that the page grants, with what it is for."""
    listed = rows("What it may do")
    pairs = {(verb, resource) for row in listed for verb in quoted(row[2]) for resource in quoted(row[0])}
    return pairs if all_ else {pair for pair in pairs if pair[1] != "hardwareclasses/status"}


def used(proxy: FaultProxy) -> set[tuple[str, str]]:
    """Each verb that an operator has used, with what for. What is no resource is discovery."""
    written = {(write.verb, f"{write.resource}/{write.subresource}".rstrip("/")) for write in proxy.writes}
    # To apply what is not there asks for the right to create it, too.
    written |= {("create", write.resource) for write in proxy.writes if write.served == HTTPStatus.CREATED}
    return written | {(verb, resource) for _, verb, resource in proxy.reads if resource}


def _use_everything(bed: Bed, namespace: str, *, shared: bool) -> None:
    """Has every right used; those on what all share only where it may write on it."""
    keep(bed.api, namespace, "keys", token="sesame")
    placed = placed_model(bed.api, namespace)
    without_price = hardware(placed)
    del without_price["spec"]["price"]
    make(bed.api, without_price)
    variable = {"name": "A", "valueFrom": {"configMapKeyRef": {"name": "tuning", "key": "a"}}}
    tuned = {"model": {"name": "m"}, "engine": {"name": "sim", "env": [variable]}}
    make(bed.api, with_key("keyed", namespace, "keys"), manifest("ModelDeployment", "tuned", namespace, tuned))
    for model in ("nobody", "keyed", "nobody", "keyed", "nobody"):
        make(bed.api, routed("chat", namespace, model, f"{namespace}/chat"))
        wanted = "False" if model == "nobody" else "True"
        wait_for_condition(bed.api, "RoutingPolicy", namespace, "chat", "ResolvedRefs", wanted)
    for name, wanted in (("keyed", "True"), ("m", "True"), ("tuned", "False")):
        wait_for_condition(bed.api, "ModelDeployment", namespace, name, "Ready", wanted)
    strays = [("RoutingPolicy", namespace, "chat", "revision"), ("ModelDeployment", namespace, "keyed", "costPerHour")]
    if shared:
        wait_for_condition(bed.api, "HardwareClass", "", placed, "Ready", "True")
        strays.append(("HardwareClass", "", placed, "costPerHour"))
    for kind, where, name, field in strays:
        path = f"{url(kind, where, name)}/status"
        expect(bed.api.merge(path, {"status": {field: "1"}}), HTTPStatus.OK)
        wait_for("a stray field to be gone", lambda of=(kind, where, name), f=field: f not in status(bed.api, *of))
    wait_for("an event to be counted again", lambda: _is_counted(bed, namespace))


def _have_everything_made(bed: Bed, namespace: str) -> None:
    """Has an object of each kind found in the place of what is to be made, and deleted where it is not wanted."""
    name, others = f"gpu-{namespace}", others_of(namespace)
    for other in others:
        expect(bed.api.create(path_of(other).rpartition("/")[0], other), HTTPStatus.CREATED)
    claimed = hardware(name)
    claimed["spec"]["unit"] = {"deviceClass": DEVICES}
    chat = own_model(CHAT, namespace, name)
    chat["spec"]["scale"] = {"autoscaler": "hpa", "max": 2}
    keda = manifest("ModelDeployment", KEDA, namespace, {"model": {"name": "m"}, "engine": {"name": "sim"}})
    keda["spec"]["scale"] = {"autoscaler": "keda", "max": 2}
    make(bed.api, claimed, chat, keda)
    for model in (CHAT, KEDA):
        wait_for_condition(bed.api, "ModelDeployment", namespace, model, "Placed", "NameTaken")
    for other in others:
        expect(bed.api.delete(path_of(other)), HTTPStatus.OK)
    for other in others:
        wait_for(f"the {other['kind']} to be made", lambda of=other: is_made(bed, of))
    uid = expect(bed.api.get(url("ModelDeployment", namespace, CHAT)), HTTPStatus.OK)["metadata"]["uid"]
    owner = {"apiVersion": API_VERSION, "kind": "ModelDeployment", "name": CHAT, "uid": uid, "controller": True}
    for other in others:
        stray = {**other, "metadata": {"name": "stray", "namespace": namespace, "labels": LABELS}}
        stray["metadata"]["ownerReferences"] = [owner]
        expect(bed.api.create(path_of(other).rpartition("/")[0], stray), HTTPStatus.CREATED)
        wait_until_gone(bed.api, stray)


def others_of(namespace: str) -> list[Object]:
    """Somebody else's objects: one of each kind, called as what is to be made of a model."""
    on = f"gpu-{namespace}"
    target, cpu = {"name": KEDA}, {"type": "cpu", "metadata": {"value": "80"}}
    scaled = {**scaled_object(namespace), "spec": {"scaleTargetRef": target, "triggers": [cpu]}}
    named = (
        (service(namespace), CHAT),
        (budget(namespace), CHAT),
        (claim(namespace), claim_name(CHAT, on, DEVICES, 1)),
        (deployment(namespace, replicas=0), deployment_name(CHAT, on)),
        (autoscaler(namespace), CHAT),
        (scaled, KEDA),
    )
    return [{**one, "metadata": {"name": name, "namespace": namespace}} for one, name in named]


def is_made(bed: Bed, of: Object) -> bool:
    """Whether the operator's own is there."""
    return any(one.get("controller") for one in live(bed.api, of).get("metadata", {}).get("ownerReferences", ()))


def _is_counted(bed: Bed, namespace: str) -> bool:
    items = expect(bed.api.get(f"/api/v1/namespaces/{namespace}/events"), HTTPStatus.OK)["items"]
    return any(item["count"] > 1 for item in items if item["source"].get("component") == "modelfleet")


def test_a_restart_tells_nothing_and_writes_nothing_but_its_lease(bed: Bed, namespace: str, proxy: FaultProxy) -> None:
    keep(bed.api, namespace, "keys", token="sesame")
    make(bed.api, with_key("keyed", namespace, "keys"), with_key("lost", namespace, "nowhere"))
    make(bed.api, hosted("frontier", namespace), routed("chat", namespace, "frontier", f"{namespace}/chat"))
    make(bed.api, routed("bad", namespace, "nobody", f"{namespace}/bad"))
    # What other tests' replicas leave on the nodes is a change of every class of these nodes.
    wait_for("other tests' namespaces to be gone", lambda: not is_ending(bed.api), patience=90)
    name = placed_model(bed.api, namespace)
    try:
        with running(proxy, "first"):
            wait_for_condition(bed.api, "ModelDeployment", namespace, "m", "Progressing", "UpToDate")
            for kind, model, wanted in (("ModelDeployment", "keyed", "True"), ("RoutingPolicy", "bad", "False")):
                wait_for_condition(bed.api, kind, namespace, model, "ResolvedRefs", wanted)
            wait_for_event(bed.api, namespace, "m", "Ready=True")
            wait_until_still(proxy)
        for restart in range(scale(2, 20)):
            with running(proxy, f"again-{restart}") as operator:
                wait_for("it to have looked", lambda op=operator: op.metric("compile_seconds_count") >= 1)
                time.sleep(1)
                assert operator.metric("findings", reason="SecretNotFound") >= 1
        later = [write for write in proxy.writes if write.client.startswith("again")]
        # Objects of namespaces that are going away are others' tests'.
        assert [write for write in later if write.resource != "leases" and write.namespace in (namespace, "")] == []
    finally:
        gone(bed.api, "HardwareClass", "", name)


def test_every_metric_is_on_the_page_with_its_labels(operator: Operator) -> None:
    listed = {quoted(name)[0]: set(quoted(labels)) for name, labels, _ in rows("Health and metrics")}
    series = re.findall(
        r"^(modelfleet_\w+?)(?:_bucket|_sum|_count)?(?:\{(.*)\})? \S+$", operator.ask("/metrics")[1], re.MULTILINE
    )
    shown = {name: set(re.findall(r'(\w+)="', labels)) - {"le"} for name, labels in series if "_created" not in name}
    assert shown.keys() <= listed.keys()
    assert {name: labels for name, labels in listed.items() if name in shown} == shown
    families = set(re.findall(r"^# TYPE (modelfleet_\w+) ", operator.ask("/metrics")[1], re.MULTILINE))
    assert {name for name in families if not name.endswith("_created")} == listed.keys()


def test_every_option_is_on_the_page() -> None:
    text = PAGE.partition("\n## ")[0]
    listed = {option for cell in re.findall(r"^\| (`-.*?) \|", text, re.MULTILINE) for option in quoted(cell)}
    assert listed | {"-h", "--help"} >= {option for parameter in command.params for option in parameter.opts}
    assert listed <= {option for parameter in command.params for option in parameter.opts}
