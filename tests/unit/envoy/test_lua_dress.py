"""What a try is besides its body: the path and the credentials that the model is due, and whether the clock watches."""

import pytest

from tests.support.luajourney import BODY, KEY, STREAM
from tests.unit.envoy.journeys import TWO, among, falling

THEIRS = ("authorization", "Bearer caller")


def hosted(url: str = "https://api.example.com/v1", credentials: str = "") -> str:
    more = f", credentials: {credentials}" if credentials else ""
    return f"{{engine: null, external: {{url: '{url}'{more}}}}}"


KEYED, PASSING = hosted(credentials="{secretRef: {name: keys, key: token}}"), hosted(credentials="{passThrough: true}")


def test_each_model_gets_the_path_and_the_credentials_that_it_is_due() -> None:
    worker = among("", hosted("https://api.example.com/other", "{passThrough: true}"), hosted())
    asked = worker.ask(headers=[THEIRS, ("cookie", "a=b")]).refused().refused()
    paths = ["/v1/chat/completions", "/other/chat/completions", "/v1/chat/completions"]
    assert [it.headers[":path"] for it in asked.sent] == paths
    assert [it.headers.get("authorization") for it in asked.sent] == [None, "Bearer caller", None]
    assert [it.headers.get("cookie") for it in asked.sent] == [None, "a=b", None]


def test_cookies_of_several_lines_are_still_several_on_a_lower_rung() -> None:
    worker = among("", PASSING)
    asked = worker.ask(headers=[("cookie", "a=1"), ("cookie", "b=2")]).refused()
    assert asked.sent[-1].headers["cookie"] == "a=1; b=2"


@pytest.mark.parametrize(("status", "passes"), [(401, True), (403, True), (401, False)])
def test_whether_a_wrong_key_is_the_caller_s_fault_goes_by_the_rung(status: int, passes: bool) -> None:
    engines = ["", PASSING]
    asked = among(*(engines if passes else engines[::-1])).ask(headers=[THEIRS]).refused()
    handled = asked.answered(status)
    assert ("x-modelfleet-again" in handled.headers) is not passes


def test_a_key_of_ours_goes_to_the_model_that_it_is_for() -> None:
    asked = among("", KEYED).ask(headers=[THEIRS]).refused()
    assert [it.headers.get("authorization") for it in asked.sent] == [None, KEY[1]]


def test_a_key_of_ours_is_not_sent_to_the_model_below_that_takes_the_caller_s() -> None:
    asked = among(KEYED, PASSING).ask().refused()
    assert [it.headers.get("authorization") for it in asked.sent] == [KEY[1], None]


@pytest.mark.parametrize("below", ["", hosted(), PASSING])
def test_a_key_of_ours_is_not_sent_on_where_its_own_model_was_skipped(below: str) -> None:
    worker = among(KEYED, below)
    worker.absent = {"default/one/way"}
    (sent,) = worker.ask().sent
    assert (sent.cluster, sent.headers.get("authorization")) == ("default/two/way", None)


def test_nothing_that_envoy_is_told_of_a_request_gets_to_an_upstream() -> None:
    worker = among("model: {name: a}", "model: {name: b}", "model: {name: c}")
    worker.absent = {TWO}
    asked = worker.ask(STREAM).refused()
    assert len(asked.sent) == 2
    assert not [name for it in asked.sent for name in it.headers if name.startswith("x-modelfleet-")]


def test_a_stream_is_watched_at_each_of_its_tries_and_nothing_else_ever_is() -> None:
    """Else a gap would break a stream of the wanted model, and of no other."""
    for body, watched in ((STREAM, True), (BODY, False)):
        asked = falling(retries={"attempts": 1}).ask(body).refused().refused().failed(500)
        assert [it.watched for it in asked.sent] == [watched] * 4
