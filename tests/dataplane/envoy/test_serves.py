"""Which names a gateway answers to, on which hosts, and what it says to everything else."""

import gzip
import json
import random
from collections.abc import Iterator

import pytest

from tests.dataplane.support.answers import Answer
from tests.dataplane.support.client import CHAT, Request, chat
from tests.dataplane.support.expect import alone, error_of, said
from tests.dataplane.support.fleets import fleet, model, policy, simple
from tests.dataplane.support.gateway import RealGateway, Settings
from tests.dataplane.support.headers import HeadersLike
from tests.dataplane.support.steps import chat_answer
from tests.dataplane.support.upstream import ScriptedUpstream

CAP = 64 * 1024
ALIAS_GROWTH = len("engine-small") - len("auto") + 1
FLEET = fleet(
    model("small"),
    model("big"),
    policy("any", "{serves: {models: [auto, a/b.c@d:e]}, tiers: [{name: light, models: [{name: small}]}]}"),
    policy(
        "named",
        """
        serves: {models: [auto, special], hosts: [ai.example.com, b.example]}
        tiers: [{name: heavy, models: [{name: big}]}]
        """,
    ),
    policy(
        "little", "{serves: {models: [little], maxBodyBytes: 2000}, tiers: [{name: light, models: [{name: small}]}]}"
    ),
    simple("nobody", "absent-replicas"),
    model("absent-replicas"),
)


@pytest.fixture(scope="module")
def gateway() -> Iterator[RealGateway]:
    with ScriptedUpstream(chat_answer("engine")) as upstream:
        at = upstream.address
        with RealGateway(FLEET, {"small": at, "big": at}, settings=Settings(max_body_bytes=CAP)) as gateway:
            yield gateway


def post(gateway: RealGateway, body: bytes, headers: HeadersLike = (), path: str = CHAT) -> Answer:
    return gateway.send(Request(path, body, headers))


def padded(served: str, size: int) -> bytes:
    """A request of exactly so many bytes."""
    body = chat(served, "")
    return chat(served, "x" * (size - len(body)))


def mixed(served: str, size: int) -> bytes:
    """About as large, and packed to a third and not to a thousandth."""
    source = random.Random(7)
    return chat(served, "".join(source.choices("abcdefgh", k=size)))


# Names and hosts.


def test_a_served_name_reaches_its_model_and_the_answer_says_so(gateway: RealGateway) -> None:
    answer = gateway.ask("auto")
    assert answer.status == 200
    assert answer.json()["choices"][0]["message"]["content"] == "hello"
    assert said(answer) == {
        "request-id": said(answer)["request-id"],
        "policy": "default/any",
        "rule": "default",
        "tier": "light",
        "model": "small",
        "rung": "0",
        "attempts": "1",
        "reason": "wanted",
    }


def test_a_name_may_have_every_letter_that_is_allowed(gateway: RealGateway) -> None:
    assert said(gateway.ask("a/b.c@d:e"))["policy"] == "default/any"


@pytest.mark.parametrize(
    "host",
    ["ai.example.com", "AI.Example.COM", "ai.example.com:443", "ai.example.com.", "ai.example.com.:80", "b.example"],
)
def test_a_named_host_has_its_own_policies_however_it_is_written(gateway: RealGateway, host: str) -> None:
    assert said(gateway.ask("auto", {"host": host}))["model"] == "big"
    assert said(gateway.ask("special", {"host": host}))["model"] == "big"


@pytest.mark.parametrize(
    "host", ["other.example.com", "127.0.0.1:80", "[::1]:8080", "example.com", "x.ai.example.com", "*"]
)
def test_a_host_that_nobody_names_has_the_policies_for_any(gateway: RealGateway, host: str) -> None:
    assert said(gateway.ask("auto", {"host": host}))["model"] == "small"
    error_of(gateway.ask("special", {"host": host}), 404, "model_not_found")


def test_what_is_served_for_any_host_is_on_a_named_one_too(gateway: RealGateway) -> None:
    assert gateway.ask("a/b.c@d:e", {"host": "ai.example.com"}).status == 200


@pytest.mark.parametrize(
    "name", ["nope", "AUTO", "auto ", "", "*|auto", "|", "ai.example.com|special", "a\n", "工具", "x" * 5000]
)
def test_a_name_that_nobody_serves_is_not_found(gateway: RealGateway, name: str) -> None:
    answer = gateway.ask(name)
    if name:
        error_of(answer, 404, "model_not_found")
    else:
        error_of(answer, 400, "missing_model")
    record = alone(gateway, answer)
    assert record["policy"] is None
    assert record["status"] == answer.status
    assert {said(answer)[what] for what in ("policy", "rule", "tier", "rung")} == {"-"}


def test_the_catalogue_lists_the_names_of_its_host(gateway: RealGateway) -> None:
    def listed(host: str) -> list[str]:
        answer = gateway.send(Request("/v1/models", method="GET", headers={"host": host}))
        assert answer.status == 200
        assert answer.header("content-type") == "application/json"
        assert alone(gateway, answer)["reason"] == said(answer)["reason"] == "catalogue"
        assert answer.json()["object"] == "list"
        assert all(entry["object"] == "model" and entry["owned_by"] == "default" for entry in answer.json()["data"])
        return [entry["id"] for entry in answer.json()["data"]]

    everywhere = ["a/b.c@d:e", "auto", "little", "nobody"]
    assert listed("ai.example.com:80") == listed("B.example.") == sorted([*everywhere, "special"])
    assert listed("elsewhere") == everywhere


def test_the_catalogue_may_be_asked_for_with_a_query_and_with_head(gateway: RealGateway) -> None:
    assert gateway.send(Request("/v1/models?limit=5", method="GET")).json()["object"] == "list"
    head = gateway.send(Request("/v1/models", method="HEAD"))
    assert (head.status, head.body) == (200, b"")


def test_a_gateway_without_a_policy_has_an_empty_catalogue_and_no_models() -> None:
    with RealGateway("") as gateway:
        answer = gateway.send(Request("/v1/models", method="GET"))
        assert (answer.status, answer.json()) == (200, {"object": "list", "data": []})
        assert said(answer)["reason"] == "catalogue"
        error_of(gateway.ask("auto"), 404, "model_not_found")


def test_a_model_without_replicas_is_not_there_for_now(gateway: RealGateway) -> None:
    answer = gateway.ask("nobody")
    error_of(answer, 503, "no_capacity")
    assert answer.header("retry-after")
    record = alone(gateway, answer)
    assert (record["policy"], record["rule"], record["tier"]) == ("default/nobody", "default", "only")


# How large a body may be.


def test_a_body_that_is_larger_than_the_gateway_takes_is_refused(gateway: RealGateway) -> None:
    assert post(gateway, padded("auto", CAP - ALIAS_GROWTH)).status == 200
    answer = post(gateway, padded("auto", CAP + 1))
    error_of(answer, 413, "body_too_large")


# The script learns of such a body only when it is on its way back, with nothing noted.
def test_a_body_that_is_too_large_is_recorded_under_the_id_that_the_answer_names(gateway: RealGateway) -> None:
    answer = post(gateway, padded("auto", CAP + 1))
    assert said(answer)["request-id"] != "-"
    assert alone(gateway, answer)["status"] == 413


# The buffer that bounds a body is also the one that the longer name of the engine has to fit into.
def test_a_body_may_be_as_large_as_the_gateway_takes(gateway: RealGateway) -> None:
    assert post(gateway, padded("auto", CAP)).status == 200


def test_a_policy_lowers_how_large_a_body_may_be_to_the_byte(gateway: RealGateway) -> None:
    assert post(gateway, padded("little", 2000)).status == 200
    answer = post(gateway, padded("little", 2001))
    assert "2000" in error_of(answer, 413, "body_too_large")["message"]
    assert alone(gateway, answer)["policy"] == "default/little"


def test_what_counts_is_how_large_a_body_is_when_it_is_unpacked(gateway: RealGateway) -> None:
    packed = {"content-encoding": "gzip"}
    assert post(gateway, gzip.compress(mixed("auto", CAP // 2)), packed).status == 200
    error_of(post(gateway, gzip.compress(padded("little", 2001)), packed), 413, "body_too_large")
    error_of(post(gateway, gzip.compress(mixed("auto", 4 * CAP)), packed), 413, "body_too_large")


# Envoy unpacks to a hundredfold at most, and what it cuts off there looks like a body that ends too early.
def test_a_body_may_be_packed_as_small_as_gzip_can(gateway: RealGateway) -> None:
    packed = gzip.compress(padded("auto", CAP // 2))
    assert post(gateway, packed, {"content-encoding": "gzip"}).status == 200


def test_a_body_in_chunks_is_bounded_too(gateway: RealGateway) -> None:
    def in_chunks(body: bytes) -> Answer:
        return gateway.send(Request(body=[body[at : at + 5000] for at in range(0, len(body), 5000)]))

    assert in_chunks(padded("auto", CAP - ALIAS_GROWTH)).status == 200
    error_of(in_chunks(padded("auto", CAP + 1)), 413, "body_too_large")


# What cannot be read.


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "missing_model"),
        (b"{}", "missing_model"),
        (b'{"model": null}', "missing_model"),
        (b'{"model": ""}', "missing_model"),
        (b'{"messages": [{"model": "auto"}]}', "missing_model"),
        (b'{"model": 7}', "invalid_model"),
        (b'{"model": ["auto"]}', "invalid_model"),
        (b'["model"]', "not_an_object"),
        (b'"auto"', "not_an_object"),
        (b'{"model": "auto"', "malformed_json"),
        (b'{"model": "auto",}', "malformed_json"),
        (b'{"model": "auto"} x', "malformed_json"),
        (b'{"model": "\xff"}', "malformed_json"),
        (b"model=auto", "malformed_json"),
        (b" \n", "malformed_json"),
        (b'{"model": "auto", "a": ' + b"[" * 600 + b"]" * 600 + b"}", "malformed_json"),
        (b'{"model": "auto", "model": "auto"}', "duplicate_key"),
        (b'{"model": "auto", "mod\\u0065l": "nope"}', "duplicate_key"),
        (b'{"model": "auto", "stream": true, "stream": false}', "duplicate_key"),
    ],
)
def test_a_body_that_cannot_be_read_is_refused(gateway: RealGateway, body: bytes, code: str) -> None:
    answer = post(gateway, body)
    error_of(answer, 400, code)
    record = alone(gateway, answer)
    assert (record["status"], record["reason"], record["model"], record["policy"]) == (400, code, None, None)


def test_a_request_without_a_body_names_no_model(gateway: RealGateway) -> None:
    error_of(gateway.send(Request(method="GET")), 400, "missing_model")
    error_of(gateway.send(Request("/v1/files", method="GET")), 400, "missing_model")


def test_a_catalogue_is_not_posted_to(gateway: RealGateway) -> None:
    error_of(post(gateway, b"", path="/v1/models"), 400, "missing_model")


@pytest.mark.parametrize("kind", ["multipart/form-data; boundary=x", "Multipart/Mixed", " multipart/form-data"])
def test_a_body_of_many_parts_is_not_routed(gateway: RealGateway, kind: str) -> None:
    error_of(post(gateway, b"--x--", {"content-type": kind}), 415, "unsupported_media_type")


@pytest.mark.parametrize("encoding", ["br", "deflate", "zstd", "gzip, br", "x"])
def test_a_body_that_is_packed_otherwise_is_not_read(gateway: RealGateway, encoding: str) -> None:
    answer = post(gateway, chat("auto"), {"content-encoding": encoding})
    error_of(answer, 415, "unsupported_media_type")
    alone(gateway, answer)


def test_a_body_that_only_claims_to_be_packed_is_refused(gateway: RealGateway) -> None:
    answer = post(gateway, chat("auto"), {"content-encoding": "gzip"})
    assert answer.complete
    assert 400 <= answer.status < 500, answer
    assert answer.json()["error"]["message"]


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "application/x-www-form-urlencoded", ""])
def test_a_body_is_json_whatever_it_says_it_is(gateway: RealGateway, kind: str) -> None:
    assert post(gateway, chat("auto"), {"content-type": kind}).status == 200


@pytest.mark.parametrize("path", ["/", "/v1", "/v2/chat/completions", "/chat/completions", "/v1x", "/health"])
def test_a_path_that_is_not_ours_is_not_found(gateway: RealGateway, path: str) -> None:
    error_of(post(gateway, chat("auto"), path=path), 404, "unknown_path")
    answer = gateway.send(Request(path, method="GET"))
    error_of(answer, 404, "unknown_path")
    assert alone(gateway, answer)["path"] == path


@pytest.mark.parametrize("path", ["/v1/embeddings", "/v1/responses", "/v1/anything/else?x=1"])
def test_every_path_below_v1_is_routed_by_its_body(gateway: RealGateway, path: str) -> None:
    answer = post(gateway, json.dumps({"model": "auto", "input": "x"}).encode(), path=path)
    assert (answer.status, said(answer)["model"]) == (200, "small")
