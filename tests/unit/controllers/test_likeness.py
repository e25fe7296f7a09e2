"""What counts as being there: what others add does not matter, and what they change or take away does."""

import copy
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from modelfleet.controllers.likeness import contains, without_rivals

ENGINE = {"name": "engine", "image": "a", "ports": [{"containerPort": 8000}], "args": ["--x"]}
PORT = {"name": "http", "port": 80, "protocol": "TCP"}
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("live", "wanted", "name"),
    [
        ({"a": 1, "b": 2}, {"a": 1}, "metadata"),
        ([{"name": "x", "v": 1}, ENGINE], [ENGINE], "containers"),
        ([{**ENGINE, "ports": [{"containerPort": 8000, "protocol": "TCP"}]}], [ENGINE], "containers"),
        ([{"port": 80, "protocol": "UDP"}, {**PORT, "nodePort": 31000}], [PORT], "ports"),
        ([{"type": "x", "defaulted": True}], [{"type": "x"}], "metrics"),
        ({"cpu": "1", "ephemeral-storage": "1Gi"}, {"cpu": "1"}, "requests"),
    ],
    ids=["a key more", "a container more", "a default", "a port more", "a default in a list", "a resource more"],
)
def test_what_others_add_or_default_does_not_matter(live: Any, wanted: Any, name: str) -> None:
    assert contains(live, wanted, name)


@pytest.mark.parametrize(
    ("live", "wanted", "name"),
    [
        ({"a": 2}, {"a": 1}, "metadata"),
        ({}, {"a": 1}, "metadata"),
        ({"a": True}, {"a": 1}, "metadata"),
        ({"a": 1}, {"a": True}, "metadata"),
        ([{**ENGINE, "image": "b"}], [ENGINE], "containers"),
        ([{**ENGINE, "args": ["--x", "--y"]}], [ENGINE], "containers"),
        ([{**ENGINE, "ports": [{"containerPort": 8000, "protocol": "UDP"}]}], [ENGINE], "containers"),
        ([{"name": "b"}, {"name": "a"}], [{"name": "a"}, {"name": "b"}], "env"),
        ({"app": "a", "track": "b"}, {"app": "a"}, "selector"),
        ([{"key": "a"}, {"key": "b"}], [{"key": "a"}], "tolerations"),
        ([{"key": "a", "tolerationSeconds": 1}], [{"key": "a"}], "tolerations"),
        ([{"type": "x"}, {"type": "y"}], [{"type": "x"}], "metrics"),
        (None, {}, "metadata"),
        ("x", [], "args"),
    ],
)
def test_what_others_change_or_take_away_does(live: Any, wanted: Any, name: str) -> None:
    assert not contains(live, wanted, name)


@given(value=VALUES, name=st.sampled_from(["", "ports", "containers", "selector", "env"]))
def test_everything_contains_itself_and_is_left_alone(value: Any, name: str) -> None:
    assert contains(value, value, name)
    assert without_rivals(value, value, name) == value


def test_a_port_that_took_the_name_of_ours_is_replaced_and_others_stay() -> None:
    wanted = {"spec": {"ports": [PORT]}}
    others = {"name": "grpc", "port": 9000}
    live = {"spec": {"ports": [others, {**PORT, "port": 81}], "type": "ClusterIP"}, "status": {}}
    before = copy.deepcopy(live)
    assert without_rivals(live, wanted) == {"spec": {"ports": [others, PORT], "type": "ClusterIP"}, "status": {}}
    assert live == before
    assert without_rivals({"spec": {"ports": [others, PORT]}}, wanted)["spec"]["ports"] == [others, PORT]


def test_a_port_inside_a_container_is_found_too() -> None:
    port = {"name": "http", "containerPort": 8000, "protocol": "TCP"}
    wanted = {"containers": [{"name": "engine", "ports": [port]}]}
    live = {"containers": [{"name": "mesh"}, {"name": "engine", "ports": [{**port, "containerPort": 8001}]}]}
    assert without_rivals(live, wanted) == {"containers": [{"name": "mesh"}, {"name": "engine", "ports": [port]}]}
