"""The way to a target: its replicas, and behind them the gate."""

import errno
import os
import socket
from pathlib import Path
from typing import Any

import pytest
from envoy.config.cluster.v3.cluster_pb2 import Cluster

from modelfleet.envoy.attempt import VM
from modelfleet.envoy.display import display_resource
from modelfleet.envoy.names import MOST_ATTEMPTS
from modelfleet.envoy.ways import render_gate, render_way
from modelfleet.findings import Key
from modelfleet.routing.plan import BreakerPlan, HostPlan, TargetPlan

M, P = Key("ModelDeployment", "team", "m"), Key("RoutingPolicy", "team", "p")
KEYS = Key("Secret", "team", "keys"), "token"
MOST_TRIES = 12
"""More than these are refused when a policy is read."""


def target(*, secret: tuple[Key, str] | None = None, hosted: bool = False) -> TargetPlan:
    host = HostPlan(True, "a.example.com", 443, "/v1", "", secret, passes_through=False)
    return TargetPlan("team/m/x", M, "alias", BreakerPlan(5, 10_000), 250, 0, host if hosted or secret else None)


def way(made: TargetPlan) -> Any:
    return display_resource(render_way(made, frozenset({P})))["resource"]


def options(made: TargetPlan) -> Any:
    (found,) = way(made)["typed_extension_protocol_options"].values()
    return found


def test_a_way_goes_to_the_replicas_at_every_attempt_while_there_is_one_and_else_to_the_gate() -> None:
    made = way(target())
    assert made["name"] == "team/m/x/way" == target().way
    assert made["cluster_type"]["name"] == "envoy.clusters.composite"
    members = [it["name"] for it in made["cluster_type"]["typed_config"]["clusters"]]
    assert members == ["team/m/x"] * MOST_ATTEMPTS + ["gate"]
    assert made["lb_policy"] == "CLUSTER_PROVIDED"


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


def test_all_ways_count_repeats_together() -> None:
    """Each chain of filters would else have an interpreter of its own, and a budget."""
    filters = options(target(secret=KEYS))["http_filters"]
    (script,) = (it["typed_config"] for it in filters if it["name"] == "modelfleet")
    assert script["shared_vm_id"] == VM


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
