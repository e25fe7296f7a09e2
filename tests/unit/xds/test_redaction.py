import pytest

from modelfleet.envoy.resource import XdsResource
from modelfleet.envoy.types import CLUSTER, EXTENSION, LISTENER, ROUTES, SECRET
from modelfleet.xds.redaction import LONGEST, NEUTRAL, repeatable
from tests.unit.xds.making import Talk, cluster, secret


def body(type_url: str, content: bytes) -> XdsResource:
    return XdsResource(type_url, "x", "1", content, frozenset())


def test_a_plain_reason_is_repeated() -> None:
    assert repeatable(CLUSTER, [cluster("a")], " unknown cluster 'b'\n") == "unknown cluster 'b'"


def test_nothing_of_a_secret_is_repeated() -> None:
    assert repeatable(SECRET, [secret("x")], "invalid hunter0") == NEUTRAL
    assert repeatable(SECRET, [], "anything") == NEUTRAL


def test_the_stream_lets_no_secret_out() -> None:
    talk = Talk(secret("x"))
    talk.ask(SECRET, "x")
    talk.nack(talk.last[0], "cannot read hunter0")
    assert talk.stream.status.refusals[0].message == NEUTRAL
    assert "hunter0" not in repr((talk.events, talk.stream.status))


def test_that_a_file_is_missing_is_repeated_whatever_else_there_is() -> None:
    said = "paths must refer to an existing path in the system: '/run/listener.json' does not exist"
    carries = [body(LISTENER, b"envoy.filters.http.credential_injector")]
    assert repeatable(LISTENER, carries, f"Error adding listener(s) x, hunter0: {said} hunter0") == said
    assert repeatable(LISTENER, carries, f"Error adding listener(s) x: {said[:-16]}") == NEUTRAL


@pytest.mark.parametrize("word", [b"envoy.filters.http.api_key_auth", b"-----BEGIN PRIVATE KEY-----", b"jwt_authn"])
def test_nothing_is_repeated_about_what_carries_credentials(word: bytes) -> None:
    assert repeatable(EXTENSION, [body(EXTENSION, b"\x0a" + word + b"\x12")], "duplicate: k-123") == NEUTRAL


@pytest.mark.parametrize(
    "message",
    [
        "bad inline_string: x",
        "PASSWORD too short: x",
        "-----BEGIN CERTIFICATE-----",
        "header Authorization is x",
        "no such Token",
    ],
)
def test_words_beside_which_credentials_are_found_make_a_text_neutral(message: str) -> None:
    assert repeatable(ROUTES, [body(ROUTES, b"")], message) == NEUTRAL


RULE = "Proto constraint validation failed (ClusterValidationError.Value: value must be inside range [0, 100])"


@pytest.mark.parametrize(
    "message",
    [
        f'goo.gle/debugproto  \nname: "c"\nkey: "x"\n}}\n: {RULE}',
        f"Error adding cluster c: {RULE}: connect_timeout {{ x }}",
        RULE,
    ],
)
def test_the_rule_is_repeated_and_the_resource_beside_it_is_not(message: str) -> None:
    assert repeatable(CLUSTER, [cluster("a")], message) == RULE


def test_a_resource_that_is_quoted_without_a_rule_is_left_out() -> None:
    assert repeatable(CLUSTER, [], "cannot unpack [goo.gle/debugproto x: k]") == "cannot unpack ["
    assert repeatable(CLUSTER, [], "goo.gle/debugonly x: k") == NEUTRAL


def test_one_line_without_control_letters_is_repeated_and_not_too_much() -> None:
    assert repeatable(CLUSTER, [], "one\x1b[31m\ntwo") == r"one\x1b[31m"
    assert len(repeatable(CLUSTER, [], "x" * 10_000)) == LONGEST
