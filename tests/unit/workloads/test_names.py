import re

from hypothesis import given, settings
from hypothesis import strategies as st

from modelfleet.workloads.names import claim_name, deployment_name, service_name
from tests.sizes import scale

LABEL = "[a-z0-9]([-a-z0-9]{0,40}[a-z0-9])?"
NAMES = st.from_regex(rf"{LABEL}(\.{LABEL}){{0,3}}", fullmatch=True)
LONG = "a" * 250


def test_a_deployment_is_called_after_its_model_and_its_class() -> None:
    assert re.fullmatch("chat-gpu-l4-[0-9a-f]{5}", deployment_name("chat", "gpu-l4"))
    assert re.fullmatch("chat-[0-9a-f]{5}", deployment_name("chat", ""))


def test_names_that_read_alike_once_they_are_put_together_are_told_apart() -> None:
    pairs = [("a", "b-c"), ("a-b", "c"), ("a.b", "c"), ("a", "b.c"), ("a-b-c", "")]
    assert len({deployment_name(*pair) for pair in pairs}) == len(pairs)


def test_long_names_keep_their_beginning_and_are_told_apart_by_their_hash() -> None:
    first, second = deployment_name(f"chat{LONG}", "b"), deployment_name(f"chat{LONG}", "c")
    assert first != second
    assert first.startswith("chataaa")
    assert service_name(f"chat{LONG}b") != service_name(f"chat{LONG}c")


@given(NAMES, NAMES)
def test_every_name_is_valid_for_its_kind_and_a_pod_s_name_holds_it_whole(model: str, hardware: str) -> None:
    for name in (deployment_name(model, hardware), deployment_name(model, ""), claim_name(model, hardware, "d", 1)):
        assert re.fullmatch("[a-z0-9]([-a-z0-9]*[a-z0-9])?", name)
        assert len(f"{name}-0123456789-01234") <= 63
    assert re.fullmatch("[a-z]([-a-z0-9]*[a-z0-9])?", service_name(model))
    assert len(service_name(model)) <= 63


@settings(max_examples=scale(30, 5_000))
@given(st.lists(st.tuples(NAMES, NAMES), min_size=2, unique=True))
def test_no_two_pairs_have_one_name(pairs: list[tuple[str, str]]) -> None:
    assert len({deployment_name(*pair) for pair in pairs}) == len(pairs)


def test_a_service_is_called_as_its_model_where_that_is_a_name_for_one() -> None:
    assert service_name("chat-small") == "chat-small"
    assert service_name("a" * 63) == "a" * 63
    assert re.fullmatch("m-7b-chat-[0-9a-f]{5}", service_name("7b-chat"))
    assert re.fullmatch("chat-v1-[0-9a-f]{5}", service_name("chat.v1"))


def test_another_claim_has_another_name_for_what_it_says_can_never_be_changed() -> None:
    names = {claim_name("m", "c", *rest) for rest in [("annealer", 1), ("annealer", 2), ("tpu", 1)]}
    assert len(names) == 3
