"""The way to a target: its replicas, and behind them the gate."""

import errno
import os
import socket
from pathlib import Path
from typing import Any

import pytest
from envoy.config.cluster.v3.cluster_pb2 import Cluster

from modelfleet.envoy.attempt import attempt_filters, gate_filters
from modelfleet.envoy.display import display_resource
from modelfleet.envoy.names import MOST_ATTEMPTS
from modelfleet.envoy.ways import render_gate, render_way
from modelfleet.findings import Key
from modelfleet.routing.plan import BreakerPlan, HostPlan, TargetPlan
from tests.support.luachain import unwrapped

M, P = Key("ModelDeployment", "team", "m"), Key("RoutingPolicy", "team", "p")
KEYS = Key("Secret", "team", "keys"), "token"
MOST_TRIES = 12
"""More than these are refused when a policy is read."""


def target(*, secret: tuple[Key, str] | None = None, hosted: bool = False, tries: int = MOST_TRIES) -> TargetPlan:
    host = HostPlan(True, "a.example.com", 443, "/v1", "", secret, passes_through=False)
    breaker = BreakerPlan(5, 10_000)
    return TargetPlan("team/m/x", M, True, "alias", breaker, 250, 0, tries, host if hosted or secret else None)


def way(made: TargetPlan) -> Any:
    return display_resource(render_way(made, frozenset({P})))["resource"]


def options(made: TargetPlan) -> Any:
    (found,) = way(made)["typed_extension_protocol_options"].values()
    return found


def members(tries: int) -> list[str]:
    return [it["name"] for it in way(target(tries=tries))["cluster_type"]["typed_config"]["clusters"]]


@pytest.mark.parametrize("tries", range(1, MOST_TRIES + 1))
def test_a_way_goes_to_the_replicas_at_every_attempt_while_there_is_one_and_else_to_the_gate(tries: int) -> None:
    replicas, (last,) = members(tries)[:-1], members(tries)[-1:]
    assert set(replicas) == {"team/m/x"}
    # After each try the gate follows, as an attempt of its own.
    assert len(replicas) >= 2 * tries - 1
    assert last == "gate"


def test_a_way_is_chosen_by_the_attempt_and_has_no_name_but_its_own() -> None:
    made = way(target())
    assert made["name"] == "team/m/x/way" == target().way
    assert made["cluster_type"]["name"] == "envoy.clusters.composite"
    assert made["lb_policy"] == "CLUSTER_PROVIDED"


def test_policies_of_few_tries_have_short_ways_and_most_edits_change_none() -> None:
    lengths = [len(members(tries)) for tries in range(1, MOST_TRIES + 1)]
    assert lengths == sorted(lengths)
    assert lengths[0] < MOST_ATTEMPTS / 2
    assert len(set(lengths)) <= MOST_TRIES / 2


def test_there_are_attempts_enough_for_all_tries_that_a_policy_can_have_and_the_gate_behind_each() -> None:
    assert MOST_ATTEMPTS >= 2 * MOST_TRIES


def test_the_type_of_a_way_is_a_message_of_its_own() -> None:
    """As a struct Envoy refuses it, and the published protos lack it."""
    message = Cluster.FromString(render_way(target(), frozenset()).body)
    kind = "type.googleapis.com/envoy.extensions.clusters.composite.v3.ClusterConfig"
    assert message.cluster_type.typed_config.type_url == kind
    # Field one, a list of messages whose field one is the name.
    assert message.cluster_type.typed_config.value.startswith(b"\x0a\x0a\x0a\x08team/m/x\x0a\x0a")


def test_a_connection_has_as_long_on_the_way_as_at_the_target_and_nothing_of_envoy_s_own_binds() -> None:
    made = way(target())
    assert made["connect_timeout"] == "0.250s"
    (limits,) = made["circuit_breakers"]["thresholds"]
    assert set(limits.values()) == {10**9}


@pytest.mark.parametrize("made", [target(), target(hosted=True)])
def test_a_way_without_a_key_passes_the_filters_that_all_ways_share(made: TargetPlan) -> None:
    assert "typed_extension_protocol_options" not in way(made)


def test_a_key_is_put_on_on_the_way_in_place_of_what_the_caller_sent() -> None:
    filters = options(target(secret=KEYS))["http_filters"]
    (injector,) = (it["typed_config"] for it in filters if it["name"] == "credentials")
    assert injector["overwrite"] is True
    assert injector["credential"]["typed_config"]["credential"]["name"] == "team/keys/token"


def shared(filters: list[Any]) -> set[str]:
    """The interpreters of the scripts among these filters."""
    inner = [it["typed_config"].get("extension_config", it) for it in filters]
    return {it["typed_config"]["shared_vm_id"] for it in inner if "shared_vm_id" in it["typed_config"]}


def test_ways_with_a_key_pass_the_same_scripts_in_the_same_interpreters() -> None:
    """Each chain of filters would else have interpreters of its own in each worker."""
    own = shared(options(target(secret=KEYS))["http_filters"])
    assert own == {
        unwrapped(it)[0]["typed_config"]["value"]["shared_vm_id"] for it in attempt_filters() if is_script(it)
    }
    assert len(own) == 2


def is_script(it: Any) -> bool:
    return "shared_vm_id" in unwrapped(it)[0]["typed_config"]["value"]


def test_nobody_leaves_the_gate_and_all_requests_count_repeats_together_there() -> None:
    (found,) = gate()["typed_extension_protocol_options"].values()
    names = [it["name"] for it in found["http_filters"]]
    assert names == [it["name"] for it in gate_filters()] == ["modelfleet", "codec"]
    assert shared(found["http_filters"]) == {"modelfleet.gate"}


def gate() -> Any:
    return display_resource(render_gate())["resource"]


def endpoint() -> Any:
    ((entry,),) = (it["lb_endpoints"] for it in gate()["load_assignment"]["endpoints"])
    return entry


def test_the_gate_is_marked_and_always_there() -> None:
    made = gate()
    assert (made["name"], made["type"]) == ("gate", "STATIC")
    assert endpoint()["metadata"]["filter_metadata"] == {"modelfleet": {"gate": "1"}}
    # It fails each time that it is asked, and is asked all the same.
    assert "outlier_detection" not in made
    assert "health_checks" not in made
    assert render_gate().owners == frozenset()


def test_nobody_can_connect_to_the_gate_and_nobody_can_listen_there() -> None:
    path = endpoint()["endpoint"]["address"]["pipe"]["path"]
    for turn in ("connect", "bind"):
        with socket.socket(socket.AF_UNIX) as made, pytest.raises(OSError, match=os.strerror(errno.ENOTDIR)):
            getattr(made, turn)(path)
    assert not Path(path).parent.is_dir()


def test_the_gate_has_no_name_by_which_envoy_would_tell_of_a_connection() -> None:
    assert "hostname" not in endpoint()["endpoint"]
