"""While a gateway is upgraded, scripts of two versions meet at one request: what cannot be read is left as it is."""

import json

import pytest

from tests.support.luahandle import JSON, Script
from tests.support.luanotes import SENT, Notes

UPSTREAM = ("x-modelfleet-upstream", "10.0.0.1:80 gpu")


def others(packed: str | None) -> Notes:
    """What scripts of another version noted of a request: under names of their own, or in a form of their own."""
    notes = Notes()
    notes.put("modelfleet.another", packed="1 2 3")
    if packed is not None:
        notes.put(SENT, packed=packed)
        notes.put("modelfleet", first='"what":"ever"')
    return notes


@pytest.mark.parametrize("packed", [None, "v9\nsomething else", "12 x\n"])
@pytest.mark.parametrize("status", [200, 404, 503])
def test_an_answer_to_what_others_sent_goes_on_as_it_came(status: int, packed: str | None) -> None:
    notes = others(packed)
    before = json.dumps([notes.of(name) for name in ("modelfleet", SENT)])
    handled = Script(entry="judge").response(notes, [(":status", str(status)), *JSON, UPSTREAM], b"{}")
    assert handled.headers == {":status": str(status), **dict([*JSON, UPSTREAM])}
    assert handled.body == b"{}"
    assert json.dumps([notes.of(name) for name in ("modelfleet", SENT)]) == before


@pytest.mark.parametrize("packed", [None, "v9\nsomething else"])
def test_a_try_of_others_that_failed_is_the_callers_to_repeat(packed: str | None) -> None:
    handled = Script(entry="gate").handle([(":path", "/v1/chat/completions")], None, others(packed))
    handled.call("envoy_on_request")
    assert handled.answer is not None
    status, kind, body = handled.answer
    assert (status, kind, handled.retry_after) == (503, "application/json", "1")
    assert json.loads(body)["error"]["code"] == "reset"


@pytest.mark.parametrize("packed", [None, "v9\nsomething else"])
def test_what_is_said_of_an_answer_of_others_is_that_nothing_is_known(packed: str | None) -> None:
    handled = Script(entry="tell").response(others(packed), [(":status", "200"), *JSON, UPSTREAM], b"{}")
    assert handled.headers[":status"] == "200"
    assert handled.body == b"{}"
    assert handled.headers["x-modelfleet-model"] == "-"
