"""The bodies that the request path is measured with are what the tables say of them."""

import json
from typing import Any

import pytest

from tests.bench.bodies import COUNT, MODEL, SIZES, bodies


@pytest.mark.parametrize("size", SIZES.values(), ids=list(SIZES))
@pytest.mark.parametrize("streams", [False, True])
def test_bodies_have_their_exact_size_and_no_two_are_alike(size: int, streams: bool) -> None:
    made = bodies(size, streams=streams, seed=7)
    assert {len(body) for body in made} == {size}
    assert len(set(made)) == COUNT >= 48
    for document in map(json.loads, made[:4]):
        assert document["model"] == MODEL
        assert document.get("stream", False) is streams
        assert len(document["messages"]) > 1


def test_a_large_body_is_a_conversation_with_lines_and_code() -> None:
    document: dict[str, Any] = json.loads(bodies(64 << 10, streams=False, seed=7)[0])
    texts = [message["content"] for message in document["messages"]]
    assert len(texts) > 5
    assert any("```" in text and "\n" in text and '"' in text for text in texts)


def test_half_of_the_bodies_name_the_model_last() -> None:
    made = bodies(512, streams=False, seed=7)
    assert sum(next(iter(json.loads(body))) == "model" for body in made) == COUNT // 2


def test_another_run_has_the_same_bodies_and_another_seed_others() -> None:
    assert bodies(8192, streams=False, seed=7) == bodies(8192, streams=False, seed=7)
    assert not set(bodies(8192, streams=False, seed=7)) & set(bodies(8192, streams=False, seed=8))
