"""What a policy says of its gateways is true of them: when one stops, freezes, refuses, or is not there at all."""

import json
import time
from collections.abc import Iterator
from functools import partial
from http import HTTPStatus
from typing import Any

import pytest

from tests.cluster.gateways.roles import Envoy
from tests.cluster.gateways.stage import LONELY, Stage
from tests.cluster.operator.objects import gone, hardware, hosted, make, manifest, routed, url, wait_for_condition
from tests.cluster.operator.process import settled
from tests.cluster.operator.secrets import CANARY, keep, with_key
from tests.sizes import SOAK, scale
from tests.support.hostile import names
from tests.support.hostile.dice import Dice
from tests.support.hostile.policies import Clauses
from tests.testbed.api import wait_for
from tests.testbed.bed import Bed, expect
from tests.testbed.faults import FaultProxy

ALL = "acknowledged by 2 of 2 Envoys at revision "


@pytest.fixture(scope="module")
def lasting(bed: Bed) -> Iterator[Stage]:
    with FaultProxy(bed) as proxy, Stage(bed, proxy) as made:
        yield made


@pytest.fixture
def stage(lasting: Stage) -> Iterator[Stage]:
    """The same for each test, and whole before each."""
    wait_for("both Envoys to be there", lambda: len(connected(lasting)) == len(lasting.envoys), 60)
    yield lasting
    for one in (*lasting.xds, *lasting.operators, *lasting.envoys):
        if not one.is_running():
            one.start()
        one.thaw()


def connected(stage: Stage) -> list[str]:
    return [node for node, said in stage.replica.nodes().items() if said["connected"] and said["settled"]]


def model(namespace: str, name: str = "m") -> dict[str, Any]:
    """One that no gateway could refuse."""
    return manifest("ModelDeployment", name, namespace, {"model": {"name": "m"}, "engine": {"name": "sim"}})


def policy(namespace: str, name: str = "chat", to: str = "m", **spec: Any) -> dict[str, Any]:
    """One that serves a name which is nobody else's, in any namespace."""
    made = routed(name, namespace, to, f"{namespace}/{name}")
    serves = {**made["spec"]["serves"], **spec.pop("serves", {})}
    return {**made, "spec": {**made["spec"], **spec, "serves": serves}}


@pytest.fixture
def chat(stage: Stage, namespace: str) -> str:
    """A policy that both Envoys have."""
    make(stage.api, model(namespace), policy(namespace))
    assert stage.is_programmed("chat", namespace).startswith(ALL)
    return "chat"


def test_both_envoys_count_and_one_that_is_cut_off_is_missed_by_name_until_it_is_back(
    stage: Stage, namespace: str, chat: str
) -> None:
    assert stage.status(chat, namespace)["programmed"] == "2/2"
    stage.envoy("gw-1").stop()
    message = stage.becomes(chat, namespace, "Programmed", "CutOff")
    assert message.startswith("acknowledged by 1 of 2 Envoys at revision ")
    assert message.endswith("; gw-1 cannot be told anything now")
    assert stage.status(chat, namespace)["programmed"] == "1/2"
    assert stage.says(chat, namespace, "Ready")["reason"] == "CutOff"
    if SOAK:  # it is counted for a minute
        stage.is_programmed(chat, namespace, 90)
        assert stage.status(chat, namespace)["programmed"] == "1/1"
    stage.envoy("gw-1").start()
    wait_for("both to count", lambda: stage.status(chat, namespace)["programmed"] == "2/2")
    stage.is_programmed(chat, namespace)


def test_one_that_is_frozen_keeps_an_edit_from_being_in_force_everywhere(
    stage: Stage, namespace: str, chat: str
) -> None:
    stage.envoy("gw-1").freeze()
    make(stage.api, policy(namespace, timeouts={"total": "7s"}))
    stage.becomes(chat, namespace, "Programmed", "Pending")
    wait_for("the other to have it", lambda: stage.status(chat, namespace).get("programmed") == "1/2")
    found = stage.status(chat, namespace)
    message = stage.says(chat, namespace)["message"]
    assert message == f"acknowledged by 1 of 2 Envoys at revision {found['revision']}; waiting for gw-1"
    settled(lambda: still_waits(stage, namespace), 1)
    stage.envoy("gw-1").thaw()
    assert stage.is_programmed(chat, namespace).startswith(ALL)


def still_waits(stage: Stage, namespace: str) -> None:
    assert stage.says("chat", namespace)["reason"] == "Pending"
    assert stage.says("chat", namespace, "Ready")["status"] == "False"


def test_a_gateway_that_there_is_not_is_told_from_one_without_an_envoy(stage: Stage, namespace: str) -> None:
    make(stage.api, model(namespace), policy(namespace, "nowhere", serves={"gateways": ["nowhere"]}))
    make(stage.api, policy(namespace, "idle", serves={"gateways": [LONELY]}))
    assert stage.becomes("nowhere", namespace, "Programmed", "GatewayNotFound") == (
        f'there is no gateway "nowhere" (there are: default, {LONELY}): correct spec.serves.gateways, or have it set up'
    )
    assert stage.becomes("idle", namespace, "Programmed", "NoGateway") == (
        f"no Envoy of gateway {LONELY} is connected, or was within a minute"
    )
    stranger = Envoy(stage.folder, "stranger", [stage.replica.address], "nowhere")
    stranger.start()
    wait_for("the stranger to be told of", lambda: "Envoys ask for it" in stage.says("nowhere", namespace)["message"])
    stranger.stop()
    wait_for("it to be gone", lambda: "there is no gateway" in stage.says("nowhere", namespace)["message"])


def test_what_one_envoy_refuses_is_told_at_its_field_and_the_version_before_stays_there(
    stage: Stage, namespace: str, chat: str
) -> None:
    make(stage.api, policy(namespace, "other"), hosted("frontier", namespace))
    stage.is_programmed("other", namespace)
    before = stage.status(chat, namespace)["revision"]
    with stage.rootless("gw-1"):
        make(stage.api, policy(namespace, to="frontier"))
        message = stage.becomes(chat, namespace, "Programmed", "Rejected")
        found = stage.status(chat, namespace)
        assert (found["programmed"], found["revision"] != before) == ("1/2", True)
        assert message.startswith(
            f"acknowledged by 1 of 2 Envoys at revision {found['revision']}; spec.tiers[0].models[0].name: gw-1 of"
            f" gateway default refused Cluster {namespace}/frontier and keeps generation 1 (revision {before}): "
        )
        assert "roots.pem" in message
        assert found["gateways"][0]["refused"] in message
        assert stage.says(chat, namespace, "Ready")["message"] == message
        make(stage.api, policy(namespace, "other", timeouts={"total": "7s"}))
        assert stage.is_programmed("other", namespace).startswith(ALL), "others go on"
        make(stage.api, policy(namespace, "late", to="frontier"))
        assert "and has nothing of it: " in stage.becomes("late", namespace, "Programmed", "Rejected")
        make(stage.api, policy(namespace))
        assert stage.is_programmed(chat, namespace).startswith(ALL)
    assert stage.replica.metric("gateways_refused", gateway="default") == 1
    gone(stage.api, "RoutingPolicy", namespace, "late")
    wait_for("nothing to be refused", lambda: stage.replica.metric("gateways_refused") == 0)


def test_an_envoy_that_refuses_and_comes_back_is_not_said_to_keep_what_it_may_have_lost(
    stage: Stage, namespace: str, chat: str
) -> None:
    make(stage.api, hosted("frontier", namespace))
    with stage.rootless("gw-1"):
        make(stage.api, policy(namespace, to="frontier"))
        assert "keeps generation 1" in stage.becomes(chat, namespace, "Programmed", "Rejected")
        stage.envoy("gw-1").kill()
        stage.envoy("gw-1").start()
        wait_for("it to have nothing", lambda: "and has nothing of it: " in stage.says(chat, namespace)["message"])
    make(stage.api, policy(namespace))
    stage.is_programmed(chat, namespace)


def test_a_key_is_nowhere_but_in_gateways_whatever_becomes_of_it(stage: Stage, namespace: str, chat: str) -> None:
    keep(stage.api, namespace, "keys", token=CANARY)
    make(stage.api, with_key("frontier", namespace, "keys"))
    with stage.rootless("gw-1"):
        make(stage.api, policy(namespace, to="frontier"))
        message = stage.becomes(chat, namespace, "Programmed", "Rejected")
        assert "spec.tiers[0].models[0].name: gw-1 of gateway default refused Cluster" in message
        assert "[redacted]" in stage.envoy("gw-0").ask("/config_dump")[1], "it is in force where it was taken"
        answers = stage.replica.metric("xds_answers_total")
        keep(stage.api, namespace, "keys", token=f"{CANARY}-2")
        wait_for("the new key", lambda: stage.replica.metric("xds_answers_total") > answers)
        for what, text in told(stage, namespace):
            assert CANARY not in text, what
    make(stage.api, policy(namespace))
    stage.is_programmed(chat, namespace)


def told(stage: Stage, namespace: str) -> Iterator[tuple[str, str]]:
    """All that anybody is told, and where."""
    for kind in ("ModelDeployment", "RoutingPolicy"):
        yield kind, json.dumps(expect(stage.api.get(url(kind, namespace)), HTTPStatus.OK))
    for where in (namespace, "default"):
        yield "events", json.dumps(expect(stage.api.get(f"/api/v1/namespaces/{where}/events"), HTTPStatus.OK))
    for role in (*stage.xds, *stage.operators):
        yield f"the log of {role.name}", role.log_text()
        for path in ("/metrics", "/acks", "/readyz", "/healthz"):
            yield f"{path} of {role.name}", role.ask(path)[1]


def test_when_all_replicas_are_gone_nothing_is_claimed_and_all_is_known_again_when_one_is_back(
    stage: Stage, namespace: str, chat: str
) -> None:
    stage.replica.stop()
    stage.becomes(chat, namespace, "Programmed", "CutOff")
    # A replica that ends lets go of one Envoy after the other.
    cut_off = "acknowledged by 0 of 2 Envoys; gw-0, gw-1 cannot be told anything now"
    wait_for("both to be missed", lambda: stage.says(chat, namespace)["message"] == cut_off)
    assert stage.operators[0].metric("xds_silent") == 1
    if SOAK:  # for a minute it is known who is missing
        assert "no xds replica answers, of 1: " in stage.becomes(chat, namespace, "Programmed", "Unknown", 90)
        assert stage.says(chat, namespace, "Ready")["status"] == "Unknown"
    stage.replica.start()
    stage.is_programmed(chat, namespace, 60)
    # The first word of a replica that is back can come before the second Envoy does.
    wait_for("both Envoys", lambda: stage.says(chat, namespace)["message"].startswith(ALL))
    assert stage.operators[0].metric("xds_silent") == 0


def test_an_operator_that_is_started_anew_takes_nothing_back(stage: Stage, namespace: str, chat: str) -> None:
    make(stage.api, policy(namespace, "idle", serves={"gateways": [LONELY]}))
    stage.becomes("idle", namespace, "Programmed", "NoGateway")
    wait_for_condition(stage.api, "ModelDeployment", namespace, "m", "Ready", "True")  # so that nothing is left to say
    time.sleep(1.0)
    (operator,) = stage.operators
    operator.stop()
    before = len(stage.proxy.writes)
    operator.start()
    operator.wait_until_leading(60)
    time.sleep(3)
    assert [write for write in stage.proxy.writes[before:] if write.namespace == namespace] == []
    make(stage.api, policy(namespace, chat, timeouts={"total": "7s"}))
    stage.is_programmed(chat, namespace)


def test_of_two_policies_with_one_name_the_older_has_it_and_when_that_goes_the_younger(
    stage: Stage, namespace: str
) -> None:
    name = f"{namespace}/shared"
    make(stage.api, model(namespace), policy(namespace, "older", serves={"models": [name]}))
    stage.is_programmed("older", namespace)
    time.sleep(1.1)  # ages are told in whole seconds
    make(stage.api, policy(namespace, "younger", serves={"models": [name, f"{namespace}/own"]}))
    message = stage.becomes("younger", namespace, "Conflicted", "True")
    assert message.startswith(
        f'spec.serves.models[0]: "{name}" on every host is served by RoutingPolicy {namespace}/older already'
    )
    stage.is_programmed("younger", namespace)
    assert stage.says("younger", namespace, "Ready")["reason"] == "Conflicted"
    assert stage.says("older", namespace, "Conflicted")["status"] == "False"
    assert served_by(stage, name) == f"{namespace}/older"
    assert served_by(stage, f"{namespace}/own") == f"{namespace}/younger"
    gone(stage.api, "RoutingPolicy", namespace, "older")
    stage.becomes("younger", namespace, "Conflicted", "False")
    wait_for("the name to move", lambda: served_by(stage, name) == f"{namespace}/younger")
    assert "lostNames" not in stage.status("younger", namespace)


def served_by(stage: Stage, name: str) -> str:
    return "".join(stage.ask(name).header_values("x-modelfleet-policy"))


def test_a_model_of_another_namespace_cannot_be_named_and_one_of_that_name_is_not_found(
    stage: Stage, namespace: str, chat: str
) -> None:
    elsewhere = f"{namespace}-b"
    expect(stage.api.create("/api/v1/namespaces", {"metadata": {"name": elsewhere}}), HTTPStatus.CREATED)
    try:
        make(stage.api, model(elsewhere, "theirs"))
        make(stage.api, policy(namespace, to="theirs"))
        assert stage.becomes(chat, namespace, "ResolvedRefs", "ModelNotFound").startswith(
            'spec.tiers[0].models[0].name: no ModelDeployment "theirs" is declared'
        )
        assert stage.becomes(chat, namespace, "Programmed", "NotAccepted") == (
            "generation 1 stays in force on 2 of 2 Envoys"
        )
        there = policy(namespace, to="theirs")
        there["spec"]["tiers"][0]["models"][0]["namespace"] = elsewhere
        answer = stage.api.create(f"{url('RoutingPolicy', namespace)}", there | {"metadata": {"name": "x"}})
        assert "namespace" not in json.dumps(answer.body.get("spec", {})), "there is no such field"
    finally:
        stage.api.delete(f"/api/v1/namespaces/{elsewhere}")


def test_a_secret_that_is_missing_is_told_on_the_model_and_a_policy_is_whole_when_it_comes(
    stage: Stage, namespace: str
) -> None:
    make(stage.api, with_key("frontier", namespace, "keys"), policy(namespace, to="frontier"))
    said = wait_for_condition(stage.api, "ModelDeployment", namespace, "frontier", "ResolvedRefs", "SecretNotFound")
    assert 'spec.external.credentials.secretRef.name: no Secret "keys" is declared' in said["message"]
    wait_for("the policy to say that nobody can be asked", lambda: not is_ready(stage, namespace))
    keep(stage.api, namespace, "keys", token="sesame")
    wait_for_condition(stage.api, "ModelDeployment", namespace, "frontier", "Ready", "True")
    stage.becomes("chat", namespace, "Ready", "True")


def is_ready(stage: Stage, namespace: str) -> bool:
    return bool(stage.says("chat", namespace, "Ready").get("status") in (None, "True"))


def test_a_class_that_does_not_allow_the_namespace_says_so_on_the_model_and_the_policy_goes_on(
    stage: Stage, namespace: str, chat: str
) -> None:
    name = f"closed-{namespace}"
    closed = hardware(name)
    closed["spec"]["allowedNamespaces"] = ["elsewhere"]
    placed = model(namespace)
    placed["spec"]["placement"] = {"classes": [{"name": name, "units": 1}]}
    try:
        make(stage.api, closed, placed)
        said = wait_for_condition(stage.api, "ModelDeployment", namespace, "m", "ResolvedRefs", "RefNotPermitted")
        assert said["message"] == (
            f'spec.placement.classes[0].name: HardwareClass "{name}" does not allow namespace "{namespace}": have it'
            " added to its allowedNamespaces, or choose another"
        )
        assert stage.is_programmed(chat, namespace).startswith(ALL)
    finally:
        gone(stage.api, "HardwareClass", "", name)


def test_names_and_values_of_the_worst_kind_end_in_a_word_for_each_policy(stage: Stage, namespace: str) -> None:
    """Every policy that the API server takes is in force on both Envoys, or says why it is not to be."""
    dice = Dice("statuses")
    models = dice.several([name for name in names.DNS_NAMES if len(name) < 64], 4, 6)
    make(stage.api, *(model(namespace, name) for name in models))
    taken: list[str] = []
    for number, name in enumerate(dice.several(names.DNS_NAMES, 6, scale(12, 20))):
        spec = {**Clauses(dice, models, unenforced=number % 4 == 0).spec()}
        spec["serves"] = {**spec["serves"], "gateways": ["default"]}
        answer = stage.api.apply(
            url("RoutingPolicy", namespace, name), manifest("RoutingPolicy", name, namespace, spec)
        )
        taken += [name] if answer.status == HTTPStatus.CREATED else []
    make(stage.api, policy(namespace, "neighbour", to=models[0]))
    assert stage.is_programmed("neighbour", namespace).startswith(ALL)
    assert len(taken) >= 4
    for name in taken:
        wait_for(f"{name} to be told of", partial(is_told, stage, namespace, name))
    assert "a fault of modelfleet" not in stage.replica.log_text()


def is_told(stage: Stage, namespace: str, name: str) -> bool:
    """Whether it is in force everywhere, or wrong by a field of its own."""
    said, accepted = stage.says(name, namespace), stage.says(name, namespace, "Accepted")
    if accepted.get("status") == "False":
        return bool(said["reason"] == "NotAccepted" and accepted["message"].startswith("spec."))
    return said.get("status") == "True" and bool(said["message"].startswith(ALL))
