"""The way in: whose a request is, what is refused, what is sent on, and what a worker remembers."""

import json
from dataclasses import replace
from typing import Any

import pytest
from lupa import luajit21

from tests.support.documents import model, policy
from tests.support.luahandle import JSON, NOW, Handled, Script
from tests.support.luajourney import BODY, routed, steered
from tests.support.luanotes import began_of, decision_of, state_of
from tests.support.luarecord import record_of
from tests.support.luaroutes import Table

SCOPE, STREAM, TARGET = (f"x-modelfleet-{name}" for name in ("scope", "stream", "target"))
SESSION = {"authorization": "Bearer mine", "proxy-authorization": "mine", "x-api-key": "mine", "cookie": "mine"}
RULES = [
    {"name": "busy", "when": {"headers": {"x-a": "1"}}, "answer": {"body": 'say "later"'}},
    {"name": "no", "when": {"headers": {"x-a": "2"}}, "answer": {"status": 422, "body": "no"}},
]


def script(change: str = "", engine: str = "", **spec: Any) -> Script:
    return Script(routed(policy(change, **spec), model(engine)))


def error(handled: Handled) -> tuple[int, str]:
    assert handled.answer is not None
    status, kind, body = handled.answer
    assert kind == "application/json"
    assert steered(handled) == []
    # Decoded first: json takes bytes that other clients refuse.
    return status, json.loads(body.decode())["error"]["code"]


def test_a_request_is_sent_to_its_model_with_the_name_that_the_engine_knows() -> None:
    handled = script().request(BODY, [*JSON, *SESSION.items(), ("x-other", "kept")])
    assert handled.answer is None
    assert handled.body == b'{"messages": [], "model" : "m", "seed": 1}'
    assert steered(handled) == ["default/m/way", "gate"]
    assert handled.headers["x-other"] == "kept"
    assert not SESSION.keys() & handled.headers.keys()
    assert decision_of(handled.noted)["rule"] == "default"
    # If Envoy gave up now: there was a try.
    assert len(record_of(handled.noted)["attempts"]) == 1


def test_a_body_whose_name_fits_is_not_touched() -> None:
    handled = script(serves={"models": ["m"]}).request(b'{"model":"m"}')
    assert handled.body == b'{"model":"m"}'
    assert "content-length" not in handled.headers


def test_credentials_go_along_only_where_the_model_s_host_takes_them() -> None:
    external = "{engine: null, external: {url: 'https://api.example.com/other/', credentials: {passThrough: true}}}"
    handled = script(engine=external).request(BODY, [*JSON, *SESSION.items()], path="/v1/chat/completions?x=1")
    assert SESSION.items() <= handled.headers.items()
    assert handled.headers[":path"] == "/other/chat/completions?x=1"


def test_a_stream_is_marked_and_bounded_as_one() -> None:
    one, other = (script().request(b'{"model":"auto","stream":%s}' % word) for word in (b"true", b"false"))
    assert (one.headers[STREAM], one.headers["x-envoy-upstream-rq-per-try-timeout-ms"]) == ("1", "60000")
    assert one.noted.of("modelfleet.clock") == {"until": NOW + 600_000, "gap": 60_000}
    assert STREAM not in other.headers
    assert other.headers["x-envoy-upstream-rq-timeout-ms"] == "600000"
    assert other.noted.of("modelfleet.clock") == {}


def test_the_first_try_needs_nothing_done_to_it_and_has_no_connection_yet() -> None:
    handled = script().request(BODY)
    assert handled.headers[":authority"] == "-"
    assert "x-modelfleet-turn" not in handled.headers
    assert record_of(handled.noted)["attempts"] == [{"target": "m", "status": 0, "reason": "abandoned", "ms": 0}]
    assert began_of(handled.noted) == NOW


@pytest.mark.parametrize(("stream", "name"), [(True, "stream"), (False, "answer")])
def test_the_first_try_takes_the_route_of_its_target_and_its_kind(stream: bool, name: str) -> None:
    both = [{"name": "light", "models": [{"name": "m"}]}, {"name": "large", "models": [{"name": "n"}]}]
    made = Script(routed(policy(tiers=both, rules=[{"name": "r", "tier": "large"}]), model(), model(name="n")))
    handled = made.request(b'{"model":"auto","stream":%s}' % str(stream).lower().encode())
    route = handled.looks.look(handled.headers)
    assert route is not None
    assert (route.name, handled.headers[TARGET]) == (name, "default/n/way")
    assert steered(handled) == ["default/n/way", "gate"]


def state(handled: Handled) -> Any:
    return state_of(handled.noted)


def test_what_the_gate_has_to_know_goes_along() -> None:
    named = [{"name": "light", "models": [{"name": "m"}]}, {"name": "large", "models": [{"name": "n"}]}]
    made = script(tiers=named, rules=[{"name": "r", "tier": "large"}], timeouts={"total": "9s", "answer": "2s"})
    made.fall(0.25)
    found = state(made.request(BODY))
    begin = BODY.index(b'"auto"')
    assert found == {
        "wanted": {"tier": 2},
        "tier": "large",
        "spot": 0.25,
        "seen": 1,
        "bound": 2_000,
        "total": 9_000,
        "till": NOW + 9_000,
        # In the body, as the first try has it.
        "from": begin,
        "length": len(b'"n"'),
        "written": "n",
        "rung": 1,
        "repeats": 0,
        "made": 0,
    }
    assert state(made.request(b'{"model":"auto","stream":true}'))["bound"] == 9_000
    assert state(script(rules=[{"name": "r", "models": [{"name": "m"}]}]).request(BODY))["wanted"] == {"rule": 1}


def test_a_policy_s_requests_are_counted_and_those_that_are_sent_nowhere_are_not() -> None:
    made = script(rules=RULES)
    made.request(BODY, [*JSON, ("x-a", "1")])
    made.request(BODY, [*JSON, ("x-request-timeout", "soon")])
    assert [state(made.request(BODY))["seen"] for _ in range(3)] == [1, 2, 3]
    made.now += 11_000
    assert state(made.request(BODY))["seen"] == 1


def test_what_a_later_try_may_need_is_kept_only_where_a_model_can_ask_for_it() -> None:
    asked = [*JSON, *SESSION.items()]
    assert "kept" not in state(script().request(BODY, asked))
    rooted = "{engine: null, external: {url: 'https://api.example.com/other'}}"
    assert state(script(engine=rooted).request(BODY, asked))["kept"] == {":path": "/v1/chat/completions"}
    passing = "{engine: null, external: {url: 'https://api.example.com/v1', credentials: {passThrough: true}}}"
    kept = {":path": "/v1/chat/completions", **SESSION}
    assert state(script(engine=passing).request(BODY, asked))["kept"] == kept


def test_a_caller_s_own_bound_is_taken_and_goes_no_further() -> None:
    handled = script().request(BODY, [*JSON, ("x-request-timeout", "2s")])
    assert handled.headers["x-envoy-upstream-rq-timeout-ms"] == "2000"
    assert state(handled)["till"] == NOW + 2_000
    assert "x-request-timeout" not in handled.headers


@pytest.mark.parametrize(
    ("body", "given", "expected"),
    [
        (b"", {}, (400, "missing_model")),
        (b"{}", {}, (400, "missing_model")),
        (b'{"model":""}', {}, (400, "missing_model")),
        (b'{"model":null}', {}, (400, "missing_model")),
        (b'{"model":7}', {}, (400, "invalid_model")),
        (b'{"model":"auto"', {}, (400, "malformed_json")),
        (b'["auto"]', {}, (400, "not_an_object")),
        (b'{"model":"auto","model":"auto"}', {}, (400, "duplicate_key")),
        (b'{"model":"nobody"}', {}, (404, "model_not_found")),
        (b'{"model":"Auto"}', {}, (404, "model_not_found")),
        (b'{"model":"auto|"}', {}, (404, "model_not_found")),
        (BODY, {"path": "/"}, (404, "unknown_path")),
        (BODY, {"path": "/v2/chat"}, (404, "unknown_path")),
        (BODY, {"path": "/v1"}, (404, "unknown_path")),
        (BODY, {"path": ""}, (404, "unknown_path")),
        (BODY, {"headers": [("content-type", " Multipart/form-data")]}, (415, "unsupported_media_type")),
        (BODY, {"headers": [*JSON, ("content-encoding", "br")]}, (415, "unsupported_media_type")),
        (BODY, {"headers": [*JSON, ("x-request-timeout", "soon")]}, (400, "invalid_timeout")),
    ],
)
def test_what_cannot_be_routed_is_refused_in_words_and_sent_nowhere(
    body: bytes, given: dict[str, Any], expected: tuple[int, str]
) -> None:
    handled = script().request(body, **given)
    assert error(handled) == expected
    record = record_of(handled.noted)
    assert (record["attempts"], record["served"]) == ([], None)
    assert decision_of(handled.noted)["reason"] == expected[1]


@pytest.mark.parametrize("name", [b'\\"', b"\\u0000", b"\\ud800", b"a\\nb", b"\\u2028", b"%s", b"x" * 5000])
def test_a_name_that_nobody_serves_is_told_in_readable_json_whatever_it_is(name: bytes) -> None:
    assert error(script().request(b'{"model":"%s"}' % name)) == (404, "model_not_found")


def test_a_body_may_be_as_large_as_the_policy_says_and_not_larger() -> None:
    made, most = script(serves={"models": ["auto"], "maxBodyBytes": 1024}), BODY.ljust(1024)
    assert made.request(most).answer is None
    assert error(made.request(most + b" ")) == (413, "body_too_large")


NAMED = policy(serves={"models": ["auto"], "hosts": ["ai.example.com"]})
HOSTS = {"ai.example.com": ["auto"]}


def test_a_policy_that_names_the_host_comes_before_one_that_names_none() -> None:
    made = Script(routed(NAMED, policy(name="q"), model()), hosts=HOSTS)
    assert made.request(BODY, authority="AI.example.com:8080").headers[SCOPE] == "ai.example.com|auto"
    assert made.request(BODY, authority="b.example.com").headers[SCOPE] == "*|auto"


def test_a_name_that_a_host_does_not_name_is_served_there_as_everywhere() -> None:
    made = Script(routed(NAMED, policy(name="q", serves={"models": ["b"]}), model()), hosts=HOSTS)
    handled = made.request(b'{"model":"b"}', authority="ai.example.com")
    assert (handled.headers[SCOPE], decision_of(handled.noted)["policy"]) == ("*|b", "default/q")
    assert decision_of(handled.noted)["host"] == "ai.example.com"


def test_a_policy_of_another_host_serves_nobody_here() -> None:
    made = Script(routed(NAMED, model()), hosts=HOSTS)
    assert error(made.request(BODY, authority="b.example.com"))[0] == 404


def test_on_a_host_that_the_script_has_not_heard_of_yet_a_name_is_served_as_everywhere() -> None:
    made = Script(routed(NAMED, policy(name="q"), model()))
    assert made.request(BODY, authority="ai.example.com").headers[SCOPE] == "*|auto"
    assert error(Script(routed(NAMED, model())).request(BODY, authority="ai.example.com"))[0] == 404


@pytest.mark.parametrize(("authority", "scope"), [("ai.example.com", "ai.example.com|"), ("b.example.com", "*|")])
def test_a_host_has_a_list_of_its_own_where_a_policy_names_it(authority: str, scope: str) -> None:
    made = Script(routed(NAMED, policy(name="q"), model()), hosts=HOSTS)
    handled = made.request(b"", (), path="/v1/models", method="GET", authority=authority)
    assert (handled.answer, handled.headers[SCOPE]) == (None, scope)


@pytest.mark.parametrize(
    ("name", "authority", "scope"),
    [
        ("auto", "ai.example.com", "ai.example.com|auto"),
        ("b", "ai.example.com", "*|b"),
        ("auto", "b.example.com", "*|auto"),
    ],
)
def test_a_name_is_asked_for_where_it_is_served(name: str, authority: str, scope: str) -> None:
    other = policy(name="q", serves={"models": ["auto", "b"]})
    made = Script(routed(NAMED, other, model()), hosts=HOSTS)
    handled = made.request(b"", (), path=f"/v1/models/{name}", method="GET", authority=authority)
    assert handled.headers[SCOPE] == scope
    assert handled.answer is not None
    assert handled.answer[0] == 200


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_the_list_of_names_is_a_route_s_and_empty_where_there_is_none(method: str) -> None:
    listed = Script(routed(policy(), model())).request(b"", (), path="/v1/models?x", method=method)
    assert (listed.answer, listed.headers[SCOPE]) == (None, "*|")
    empty = Script().request(b"", (), path="/v1/models", method=method)
    assert empty.answer == (200, "application/json", b'{"object":"list","data":[]}\n')


@pytest.mark.parametrize("path", ["/v1/models/auto", "/v1/models/%61uto?x"])
def test_a_name_by_itself_is_told_where_it_is_served(path: str) -> None:
    handled = script().request(b"", (), path=path, method="GET")
    assert handled.answer is not None
    status, kind, body = handled.answer
    assert (status, kind, json.loads(body)["id"]) == (200, "application/json", "auto")
    assert decision_of(handled.noted)["reason"] == "catalogue"


@pytest.mark.parametrize("name", ["", "nobody", "auto/", "%", "%0d%0aauto", "%ff", "%c3%a9", "a%7Cb", "x" * 3000])
def test_a_name_that_nobody_serves_is_not_in_the_list(name: str) -> None:
    handled = script().request(b"", (), path=f"/v1/models/{name}", method="GET")
    assert error(handled) == (404, "model_not_found")


def test_whoever_posts_to_the_list_is_routed_as_everywhere() -> None:
    assert error(script().request(b"", (), path="/v1/models")) == (400, "missing_model")


def test_a_canned_answer_takes_the_caller_s_form() -> None:
    made = script(rules=RULES)
    handled = made.request(BODY, [*JSON, ("x-a", "1")])
    assert handled.answer is not None
    status, kind, body = handled.answer
    assert (status, kind) == (200, "application/json")
    assert json.loads(body)["choices"][0]["message"]["content"] == 'say "later"'
    assert (json.loads(body)["model"], len(steered(handled))) == ("auto", 0)
    decided = decision_of(handled.noted)
    assert (decided["reason"], decided["rule"], decided["rung"]) == ("answer", "busy", 0)
    refused = made.request(BODY, [*JSON, ("x-a", "2")])
    assert refused.answer is not None
    assert (refused.answer[0], json.loads(refused.answer[2])["error"]["message"]) == (422, "no")


def test_chance_draws_anew_for_each_request() -> None:
    both = [{"name": "t", "models": [{"name": "m"}, {"name": "n"}]}]
    made = Script(routed(policy(tiers=both), model(), model(name="n")))
    found = []
    for spot in (0.1, 0.9):
        made.fall(spot)
        found.append(steered(made.request(BODY))[0])
    assert found == ["default/m/way", "default/n/way"]


def test_an_edit_between_two_requests_decides_the_second_one() -> None:
    models = model(), model(name="n")
    made = Script(routed(policy(), *models))
    assert [steered(made.request(BODY))[0] for _ in range(2)] == ["default/m/way"] * 2
    made.tables = routed(policy(tiers=[{"name": "large", "models": [{"name": "n"}]}]), *models)
    handled = made.request(BODY)
    assert (steered(handled), handled.headers[":authority"]) == (["default/n/way", "gate"], "-")
    assert (decision_of(handled.noted)["target"], decision_of(handled.noted)["tier"]) == ("n", "large")
    made.tables = routed(policy(rules=RULES), *models)
    answered = made.request(BODY, [*JSON, ("x-a", "2")]).answer
    assert answered is not None
    assert answered[0] == 422
    made.tables = {}
    assert error(made.request(BODY)) == (404, "model_not_found")


def test_a_plan_is_decoded_once_in_each_revision() -> None:
    made = script()
    assert [made.request(BODY).state.decoded for _ in range(3)] == [1, 0, 0]
    carried = made.tables["*|auto"].host
    tiers = [{"name": "new", "models": carried["plan"]["tiers"][0]["models"]}]
    carried["plan"] = {**carried["plan"], "tiers": tiers}
    assert decision_of(made.request(BODY).noted)["tier"] == "light"
    made.tables["*|auto"] = made.tables["*|auto"].of(revision="r2")
    handled = made.request(BODY)
    assert (handled.state.decoded, decision_of(handled.noted)["tier"]) == (1, "new")
    assert decision_of(handled.noted)["revision"] == "r2"
    assert made.request(BODY).state.decoded == 0


def test_a_table_whose_routes_name_no_version_yet_is_served_by_its_host() -> None:
    """As while a gateway already has a newer script, and not yet the routes."""
    made = script()
    for revision in ("r1", "r1", "r2"):
        found = made.tables["*|auto"].of(revision=revision)
        made.tables["*|auto"] = replace(found, routes=[replace(it, metadata={}) for it in found.routes])
        assert decision_of(made.request(BODY).noted)["revision"] == revision
    made.tables["*|auto"] = found
    assert [made.request(BODY).state.decoded for _ in range(2)] == [1, 0]


def test_two_names_of_one_policy_share_its_plan() -> None:
    made = script(serves={"models": ["auto", "b"]})
    assert [made.request(body).state.decoded for body in (BODY, b'{"model":"b"}')] == [1, 0]


def test_a_worker_does_not_remember_plans_without_end() -> None:
    made, most = script(), 4096
    found = made.tables["*|auto"]
    decoded = []
    for number in [*range(most), 0, most, 0]:
        made.tables = {"*|auto": found.of(policy=f"default/p{number}")}
        decoded.append(made.request(BODY).state.decoded)
    assert decoded == [1] * most + [0, 1, 1]


def test_a_policy_that_is_edited_often_takes_no_other_s_place() -> None:
    made = script(serves={"models": ["auto"]})
    found = made.tables["*|auto"]
    made.tables["*|b"] = found.of(policy="default/other")
    assert made.request(b'{"model":"b"}').state.decoded == 1
    for number in range(4200):
        made.tables["*|auto"] = found.of(revision=f"r{number}")
        assert made.request(BODY).state.decoded == 1
    assert made.request(b'{"model":"b"}').state.decoded == 0
    # And what it was like before is not kept.
    made.tables["*|auto"] = found.of(revision="r0")
    assert made.request(BODY).state.decoded == 1


def test_a_name_longer_than_any_is_not_looked_for_and_not_repeated() -> None:
    most, more = (script().request(b'{"model":"%s"}' % (b"x" * length)) for length in (253, 254))
    assert error(most) == error(more) == (404, "model_not_found")
    assert (SCOPE in most.headers, SCOPE in more.headers) == (True, False)
    assert more.answer is not None
    assert b"xxx" not in more.answer[2]


def test_a_route_without_a_plan_sends_nothing_anywhere() -> None:
    made = Script({"*|auto": Table({"policy": "default/p", "revision": "r1"}).of()})
    with pytest.raises(luajit21.LuaError):
        made.request(BODY)
