"""API servers that die, are away, are others than before, are too old or lack a kind; and a store that stands still."""

import asyncio
import json
import shutil
import ssl
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path

import pytest

from modelfleet.sources.kinds import WATCHED
from tests.cluster.operator.objects import SERVED, hosted, make, routed, url, wait_for_condition
from tests.cluster.operator.process import Operator
from tests.cluster.operator.sights import PROMPT_S, pair, sees_what_is_gone, sees_what_is_made, without_model
from tests.sizes import scale
from tests.testbed.__main__ import crds
from tests.testbed.api import Api, wait_for
from tests.testbed.bed import ADMIN_TOKEN, CRDS, Bed, expect, free_ports
from tests.testbed.faults import Close, Delay, FaultProxy, Rule, Status
from tests.testbed.faults.wire import LIMIT
from tests.testbed.process import Process

OPTIONS = ("--resync=3600",)
MODELS, POLICIES = "modeldeployments", "routingpolicies"
NAMES = tuple(f"m{number}" for number in range(scale(6, 50)))


@pytest.fixture
def broken_extension(bed: Bed) -> Iterator[None]:
    """A group of the API whose server is not there: discovery tells of it, and fails for it."""
    name, services = "v1beta1.broken.example.com", "/apis/apiregistration.k8s.io/v1/apiservices"
    spec = {
        "group": "broken.example.com",
        "version": "v1beta1",
        "groupPriorityMinimum": 100,
        "versionPriority": 100,
        "insecureSkipTLSVerify": True,
        "service": {"name": "nobody", "namespace": "default"},
    }
    expect(bed.api.create(services, {"metadata": {"name": name}, "spec": spec}), HTTPStatus.CREATED)
    broken = HTTPStatus.SERVICE_UNAVAILABLE
    wait_for("discovery to fail", lambda: bed.api.get("/apis/broken.example.com/v1beta1").status == broken)
    yield
    bed.api.delete(f"{services}/{name}")


@pytest.mark.usefixtures("broken_extension")
def test_who_starts_before_the_server_waits_and_half_of_discovery_is_enough(
    bed: Bed, namespace: str, proxy: FaultProxy
) -> None:
    operator = Operator(proxy, "early")
    proxy.down("early")
    operator.start()
    try:
        wait_for("an answer", lambda: operator.ask("/healthz")[0] == 200)
        time.sleep(2)
        assert operator.ask("/healthz")[0] == 200
        code, lacks = operator.ask("/readyz")
        assert code == 503
        assert len(lacks.splitlines()) == len(WATCHED)
        make(bed.api, hosted("m", namespace))
        proxy.up("early")
        wait_for_condition(bed.api, "ModelDeployment", namespace, "m", "Ready", "True", patience=15)
        wait_for("every watch", lambda: proxy.watches("early") == len(SERVED))
        assert operator.is_ready()
    finally:
        operator.stop()


@pytest.mark.parametrize("minor", ["29", "9+"])
def test_a_server_that_is_too_old_is_refused_in_one_line_before_anything_is_written(
    proxy: FaultProxy, minor: str
) -> None:
    proxy.add(Rule(Status(200, body={"major": "1", "minor": minor, "gitVersion": f"v1.{minor}"}), path="/version"))
    proxy.add(Rule(Delay(1, landed=False), path="/version"))
    version = minor.rstrip("+")
    operator = Operator(proxy, f"newer-than-{version}")
    operator.start()
    wait_for("its end", lambda: not operator.is_running())
    assert operator._child
    assert operator._child.returncode == 2
    said = [line for line in operator.log_text().splitlines() if "INFO" not in line]
    assert said == [f"modelfleet operator: Kubernetes 1.{version} is not supported: modelfleet needs 1.30 or newer"]
    assert proxy.writes == ()


def undefine(bed: Bed, namespace: str) -> None:
    """Takes the kind of policies from the cluster, with all of them."""
    expect(bed.api.delete(f"{CRDS}/{POLICIES}.modelfleet.dev"), HTTPStatus.OK)
    path = url("RoutingPolicy", namespace)
    wait_for("the kind to go", lambda: bed.api.get(path).status == HTTPStatus.NOT_FOUND)


def sees_a_policy(bed: Bed, namespace: str, operator: Operator) -> float:
    """Defines the kind; seconds until a policy is told of, and the next change of it at once."""
    bed.install(crds())
    began = time.monotonic()
    make(bed.api, routed("p", namespace, "m"))
    wait_for_condition(bed.api, "RoutingPolicy", namespace, "p", "ResolvedRefs", "True", patience=60)
    took = time.monotonic() - began
    wait_for("a watch of the kind", lambda: operator.proxy.watches(operator.client, POLICIES) == 1)
    make(bed.api, routed("p", namespace, "nobody"))
    sees_what_is_gone(bed.api, namespace, "p", patience=5)
    return took


def test_a_kind_whose_definition_comes_late_is_told_of_without_a_restart(
    bed: Bed, namespace: str, proxy: FaultProxy, evidence: Callable[..., None]
) -> None:
    undefine(bed, namespace)
    operator = Operator(proxy, "late", *OPTIONS)
    try:
        operator.start()
        make(bed.api, hosted("m", namespace))
        wait_for_condition(bed.api, "ModelDeployment", namespace, "m", "Ready", "True")
        assert (operator.ask("/readyz")[0], operator.ask("/healthz")[0]) == (503, 200)
        evidence(told_after_s=round(sees_a_policy(bed, namespace, operator), 1))
        assert operator.is_ready()
    finally:
        operator.stop()
        bed.install(crds())


@pytest.fixture
def second(bed: Bed) -> Iterator[Api]:
    """Another API server on the same store, with a certificate of its own."""
    (port,) = free_ports(1)
    folder = bed.folder / "second"
    other = {f"--secure-port={bed.port}": f"--secure-port={port}"}
    other |= {f"--cert-dir={bed.folder / 'certs'}": f"--cert-dir={folder}"}
    command = [str(bed.assets / "kube-apiserver"), *(other.get(argument, argument) for argument in bed._apiserver())]
    process = Process(command, bed.folder / "second.log")
    process.start()
    try:
        wait_for("its certificate", (folder / "apiserver.key").exists)
        api = Api(port, folder / "apiserver.crt", ADMIN_TOKEN)
        wait_for("the second API server", api.is_ready, patience=60)
        yield api
        api.close()
    finally:
        process.stop()


def lead_to(proxy: FaultProxy, server: Api) -> None:
    """Puts another server behind the same address: all connections end, and new ones meet its certificate."""
    trusted = ssl.create_default_context(cafile=str(server._certificate))

    async def connect() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", server.port, ssl=trusted, limit=LIMIT)

    proxy.down()
    proxy._serving.load_cert_chain(server._certificate, server._certificate.with_suffix(".key"))
    proxy._core.connect = connect
    proxy.up()


def test_another_server_with_another_certificate_behind_the_same_address_is_trusted_once_the_kubeconfig_does(
    bed: Bed, namespace: str, proxy: FaultProxy, second: Api, tmp_path: Path, evidence: Callable[..., None]
) -> None:
    authority = tmp_path / "ca.crt"
    shutil.copy(proxy.certificate, authority)
    operator = Operator(proxy, "trusting", *OPTIONS)
    settings = json.loads(operator.kubeconfig.read_text())
    settings["clusters"][0]["cluster"]["certificate-authority"] = str(authority)
    operator.kubeconfig.write_text(json.dumps(settings))
    try:
        operator.start()
        operator.wait_until_ready()
        pair(bed.api, namespace)
        lead_to(proxy, second)
        without_model(bed.api, namespace)
        time.sleep(2)
        assert operator.ask("/healthz")[0] == 200
        shutil.copy(second._certificate, authority)
        evidence(told_after_s=round(sees_what_is_gone(bed.api, namespace, patience=20), 1))
        wait_for("every watch", lambda: proxy.watches("trusting") == len(SERVED))
        assert sees_what_is_made(bed.api, namespace, patience=5) < 5
    finally:
        operator.stop()


# From here on one operator serves all tests, and leads until the last one has ended.


def are_told(api: Api, namespace: str) -> bool:
    """Whether the status of every model of a namespace is about the model as it is."""
    items = expect(api.get(url("ModelDeployment", namespace)), HTTPStatus.OK)["items"]
    seen = [item.get("status", {}).get("observedGeneration") == item["metadata"]["generation"] for item in items]
    return bool(seen) and all(seen)


@contextmanager
def churn(bed: Bed, namespace: str) -> Iterator[list[int]]:
    """Edits models all the while, also while nobody takes edits; how many were taken."""
    ending, taken, api = threading.Event(), list[int](), bed.client()

    def edit() -> None:
        number = 0
        while not ending.wait(0.02):
            number += 1
            try:
                make(api, hosted(NAMES[number % len(NAMES)], namespace, model={"name": f"m{number}"}))
                taken.append(number)
            except (OSError, AssertionError):
                continue

    thread = threading.Thread(target=edit)
    thread.start()
    try:
        yield taken
    finally:
        ending.set()
        thread.join()
        api.close()


def test_changes_made_around_the_death_of_an_api_server_are_all_told_within_seconds_of_its_return(
    bed: Bed, namespace: str, shared: Operator, evidence: Callable[..., None]
) -> None:
    assert shared.leads()
    pair(bed.api, namespace, "goes")
    with churn(bed, namespace) as taken:
        wait_for("changes", lambda: len(taken) > 20)
        bed.processes["kube-apiserver"].kill()
        time.sleep(scale(1, 10))
        bed.restart("kube-apiserver")
        back, before = time.monotonic(), len(taken)
        without_model(bed.api, namespace, "goes")
        wait_for("more changes", lambda: len(taken) > before + 20)
    wait_for("all to be told", lambda: are_told(bed.api, namespace), PROMPT_S)
    sees_what_is_gone(bed.api, namespace, "goes")
    evidence(changes=len(taken), told_after_s=round(time.monotonic() - back, 1))
    assert time.monotonic() - back < PROMPT_S + 3


def test_a_server_that_was_away_is_caught_up_with_and_was_no_reason_to_end(
    bed: Bed, namespace: str, shared: Operator, evidence: Callable[..., None]
) -> None:
    pair(bed.api, namespace)
    writes = len(shared.proxy.writes)
    shared.proxy.down("lasting")
    without_model(bed.api, namespace)
    make(bed.api, *(hosted(name, namespace) for name in NAMES))
    time.sleep(scale(3, 300))
    assert shared.ask("/healthz") == (200, "ok\n")
    assert shared.metric("watch_age_seconds", kind="ModelDeployment") >= scale(2, 270)
    assert len(shared.proxy.writes) == writes
    shared.proxy.up("lasting")
    took = sees_what_is_gone(bed.api, namespace)
    wait_for("all to be told", lambda: are_told(bed.api, namespace), patience=20)
    evidence(told_after_s=round(took, 1))


def test_a_store_that_stands_still_for_five_seconds_loses_nothing(
    bed: Bed, namespace: str, shared: Operator, evidence: Callable[..., None]
) -> None:
    pair(bed.api, namespace)
    etcd = bed.processes["etcd"]
    etcd.freeze()
    threading.Timer(5, etcd.thaw).start()
    try:
        assert shared.ask("/healthz")[0] == 200
        without_model(bed.api, namespace)
    finally:
        etcd.thaw()
    evidence(told_after_s=round(sees_what_is_gone(bed.api, namespace), 1))
    wait_for("it to lead", shared.leads)


@contextmanager
def full(bed: Bed) -> Iterator[None]:
    """An etcd that has used up its space, as far as it knows: it answers, and takes nothing."""

    def say(action: str) -> None:
        alarm = json.dumps({"action": action, "memberID": "0", "alarm": "NOSPACE"}).encode()
        urllib.request.urlopen(f"{bed._urls['client']}/v3/maintenance/alarm", alarm, timeout=5).close()

    say("ACTIVATE")
    try:
        yield
    finally:
        say("DEACTIVATE")


def test_a_store_that_is_full_keeps_statuses_waiting_until_there_is_room(
    bed: Bed, namespace: str, shared: Operator, evidence: Callable[..., None]
) -> None:
    late = Rule(Close(), verb="patch", resource=f"{MODELS}/status", namespace=namespace)
    with shared.proxy.rule(late):
        make(bed.api, hosted("m", namespace))
        with full(bed):
            shared.proxy.clear()
            since = len(shared.proxy.writes)
            refused = shared.proxy.wait_for_write(lambda write: write.served == 500, since=since)
            time.sleep(scale(2, 60))
            assert shared.ask("/healthz")[0] == 200
            assert shared.is_ready()
            tries = sum(write.name == "m" for write in shared.proxy.writes[refused.seq :])
    wait_for_condition(bed.api, "ModelDeployment", namespace, "m", "Ready", "True", patience=scale(15, 90))
    evidence(writes_while_full=tries)
    assert tries < scale(10, 30)


def test_objects_as_large_as_the_api_server_takes_them_are_seen(bed: Bed, namespace: str, shared: Operator) -> None:
    known = shared.metric("objects", kind="Deployment")
    env = [{"name": f"E{number}", "value": "x" * 1000} for number in range(1300)]
    labels = {"app.kubernetes.io/managed-by": "modelfleet", "modelfleet.dev/model": "m"}
    pods = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "i", "env": env}]}}
    spec = {"replicas": 0, "selector": {"matchLabels": labels}, "template": pods}
    made = {"metadata": {"name": "large", "labels": labels}, "spec": spec}
    expect(bed.api.create(f"/apis/apps/v1/namespaces/{namespace}/deployments", made), HTTPStatus.CREATED)
    noted = hosted("m", namespace)
    noted["metadata"]["annotations"] = {"example.com/note": "x" * 250_000}
    make(bed.api, noted)
    wait_for_condition(bed.api, "ModelDeployment", namespace, "m", "Ready", "True", patience=5)
    wait_for("the Deployment", lambda: shared.metric("objects", kind="Deployment") == known + 1, patience=5)


def test_a_kind_whose_definition_goes_and_comes_back_is_told_of_again(
    bed: Bed, namespace: str, shared: Operator, evidence: Callable[..., None]
) -> None:
    try:
        pair(bed.api, namespace)
        undefine(bed, namespace)
        sees_what_is_made(bed.api, namespace, patience=5)
        assert shared.ask("/healthz")[0] == 200
        evidence(told_after_s=round(sees_a_policy(bed, namespace, shared), 1))
    finally:
        bed.install(crds())
