"""Amounts as thousandths, and what a pod asks for in them."""

from typing import Any

import pytest
from hypothesis import given

from modelfleet.fleet.amounts import thousandths
from modelfleet.fleet.requests import requests_of
from tests.support.documents import Document
from tests.support.values import ODD


@pytest.mark.parametrize(
    ("text", "amount"),
    [("1", 1000), ("500m", 500), ("0.5", 500), ("1Ki", 1_024_000), ("1e3", 1_000_000), ("0", 0), ("110", 110_000)],
)
def test_a_quantity_is_counted_in_thousandths(text: str, amount: int) -> None:
    assert thousandths(text) == thousandths(text, up=True) == amount


def test_what_there_is_is_rounded_down_and_what_is_asked_up() -> None:
    assert (thousandths("1500u"), thousandths("1500u", up=True)) == (1, 2)


@pytest.mark.parametrize("text", ["", "a lot", "-1", "1 Gi", "1Gib"])
def test_what_is_no_quantity_has_no_amount(text: str) -> None:
    assert thousandths(text) is None


def container(**requests: str) -> Document:
    return {"name": "c", "resources": {"requests": requests}}


def test_what_the_containers_of_a_pod_ask_for_is_added_up() -> None:
    spec = {"containers": [container(cpu="1", memory="1Ki"), container(cpu="250m")]}
    assert requests_of(spec) == (("cpu", 1250), ("memory", 1_024_000))


def test_init_containers_run_one_at_a_time_and_before_the_others() -> None:
    spec = {"initContainers": [container(cpu="3"), container(cpu="2", memory="1")], "containers": [container(cpu="1")]}
    assert requests_of(spec) == (("cpu", 3000), ("memory", 1000))


def test_an_init_container_that_is_always_restarted_runs_beside_all_that_come_after_it() -> None:
    beside = {**container(cpu="1"), "restartPolicy": "Always"}
    spec = {"initContainers": [beside, container(cpu="3")], "containers": [container(cpu="2")]}
    assert requests_of(spec) == (("cpu", 4000),)


def test_overhead_comes_on_top() -> None:
    spec = {"containers": [container(cpu="1")], "overhead": {"cpu": "250m", "memory": "1"}}
    assert requests_of(spec) == (("cpu", 1250), ("memory", 1000))


def test_what_is_asked_for_the_pod_as_a_whole_counts_before_what_its_containers_ask() -> None:
    spec = {"containers": [container(cpu="1", memory="1")], "resources": {"requests": {"cpu": "4"}}}
    assert requests_of(spec) == (("cpu", 4000), ("memory", 1000))


def test_pods_that_ask_for_the_same_share_what_is_kept_of_it() -> None:
    spec = {"containers": [container(cpu="1")]}
    assert requests_of(spec) is requests_of({**spec, "nodeName": "n"})


@given(ODD)
def test_no_spec_is_odd_enough_to_raise(value: Any) -> None:
    requests_of({"containers": [{"resources": {"requests": value}}, value], "initContainers": value, "overhead": value})
