from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import yaml

from tests.dataplane.referee.catalogue import JSON, LATE, OK, SILENT, STREAM, STREAMS, broken, told
from tests.dataplane.referee.model import Attempt, Host, Prediction, Referee, Skip
from tests.dataplane.referee.pairs import pairs
from tests.dataplane.referee.reading import Asked, duration_ms, header_ms
from tests.dataplane.referee.replies import NEVER, Reply
from tests.dataplane.support.answers import Answer
from tests.dataplane.support.client import request
from tests.dataplane.support.upstream import ScriptedUpstream

TIERS = "tiers: [{name: light, models: [{name: small}]}, {name: mid, models: [{name: medium}]}]"
BUSY = "{answer: {body: busy}}"
EMPTY, REFUSING = Host(absent="no replica"), Host(absent="refuses")
LATE_JSON = Reply("late", head_ms=LATE, pieces_ms=(LATE,), end_ms=LATE)
Hosts = Mapping[str, list[Reply] | Host]


def predicted(clauses: str, hosts: Hosts, asked: Asked | None = None) -> Prediction:
    """What comes of a request, by the replies of each model or by what else stands behind it."""
    policy = yaml.safe_load(f"{{{TIERS}, {clauses}}}")
    made = {name: Host(tuple(host)) if isinstance(host, list) else host for name, host in hosts.items()}
    return Referee(policy, made, asked or Asked()).predict()


def tries(prediction: Prediction) -> list[tuple[str, int, str, float]]:
    return [(it.target, it.status, it.reason, it.ms) for it in prediction.attempts]


def test_who_answers_at_once_is_who_was_wanted() -> None:
    found = predicted(f"degrade: [{{tier: mid}}, {BUSY}]", {"small": [OK], "medium": [OK]})
    assert (found.status, found.rung, found.reason, found.code, found.words) == (200, 0, "wanted", "", "")
    assert found.attempts == [Attempt("small", 200, "ok", 0)]
    assert found.content
    assert found.content.body == b"".join(OK.body("small 1"))


def test_a_failure_falls_to_the_next_tier_without_a_repeat_where_there_is_a_ladder() -> None:
    found = predicted("degrade: [{tier: light}, {tier: mid}]", {"small": [told(500)], "medium": [OK]})
    assert tries(found) == [("small", 500, "5xx", 0), ("medium", 200, "ok", 0)]
    assert (found.rung, found.reason) == (1, "5xx")
    assert found.served
    assert (found.served.tier, found.served.model) == ("mid", "medium")


def test_without_a_ladder_there_is_one_repeat() -> None:
    found = predicted("retries: {}", {"small": [told(429, "17")], "medium": [OK]})
    assert tries(found) == [("small", 429, "overload", 0)] * 2
    assert (found.status, found.code, found.retry_after, found.rung) == (503, "overload", "17", 0)


def test_an_answer_that_is_not_the_upstreams_fault_passes() -> None:
    found = predicted("degrade: [{tier: mid}]", {"small": [told(404)], "medium": [OK]})
    assert (found.status, found.reason, tries(found)) == (404, "wanted", [("small", 404, "ok", 0)])


def test_whose_credentials_they_are_decides_what_a_401_is() -> None:
    rules = "rules: [{name: aside, models: [{name: passing}]}]"
    hosts: Hosts = {"small": [told(401)], "medium": [OK], "passing": Host((told(401),), passing=True)}
    assert predicted(f"{rules}, degrade: [{{tier: mid}}]", hosts).status == 200
    assert predicted(f"{rules}, degrade: [{{tier: mid}}]", hosts, Asked(wants="aside")).status == 401


def test_a_kind_that_is_not_named_ends_the_request() -> None:
    clauses = f"degrade: [{{tier: mid}}, {BUSY}], retries: {{attempts: 2, retryOn: [reset]}}"
    found = predicted(clauses, {"small": [told(500)], "medium": [OK]})
    assert (found.status, found.words, found.rung, found.reason, len(found.attempts)) == (200, "busy", 2, "5xx", 1)


def test_a_model_without_a_replica_is_skipped() -> None:
    found = predicted("degrade: [{tier: mid}]", {"small": EMPTY, "medium": REFUSING})
    assert found.skipped == [Skip("small", "light", "no_capacity")]
    assert (tries(found), found.code, found.rung) == ([("medium", 0, "connect", 0)], "connect", 1)
    last = predicted("degrade: [{tier: mid}]", {"small": [SILENT], "medium": EMPTY}, Asked(timeout="300ms"))
    assert (last.status, last.skipped, last.reason) == (504, [], "timeout")


def test_the_time_of_one_try_leads_on_and_that_of_all_ends_it() -> None:
    clauses = "degrade: [{tier: mid}], timeouts: {total: 700ms, answer: 400ms}"
    found = predicted(clauses, {"small": [LATE_JSON], "medium": [SILENT]})
    assert tries(found) == [("small", 0, "timeout", 400), ("medium", 0, "timeout", 300)]
    assert (found.status, found.code, found.rung, found.ends_ms) == (504, "timeout", 1, 700)


def test_with_too_little_time_left_nothing_is_begun() -> None:
    clauses = f"degrade: [{{tier: mid}}, {BUSY}], timeouts: {{total: 450ms, answer: 400ms}}"
    found = predicted(clauses, {"small": [SILENT], "medium": [OK]})
    assert (tries(found), found.rung, found.reason) == ([("small", 0, "timeout", 400)], 2, "timeout")
    # The first try is made however little time there is.
    short = predicted("degrade: [{tier: mid}]", {"small": EMPTY, "medium": [SILENT]}, Asked(timeout="50ms"))
    assert (tries(short), short.status) == ([("medium", 0, "timeout", 50)], 504)


def test_a_caller_lowers_and_does_not_raise() -> None:
    hosts = {"small": [SILENT], "medium": [OK]}
    for asked, ends_ms in (("300ms", 300), ("0.3", 300), ("10m", 700), ("1h", 700)):
        assert predicted("timeouts: {total: 700ms}", hosts, Asked(timeout=asked)).ends_ms == ends_ms
    assert predicted("timeouts: {total: 700ms}", hosts, Asked(timeout="soon")).code == "invalid_timeout"
    stubborn = predicted("timeouts: {total: 700ms, clientMayLower: false}", hosts, Asked(timeout="soon"))
    assert stubborn.ends_ms == 700


def test_a_stream_counts_from_its_first_byte() -> None:
    clauses = "degrade: [{tier: mid}], timeouts: {firstToken: 400ms, betweenTokens: 800ms}"
    asked = Asked(stream=True)
    behind = broken("behind the head", "reset", events=True)
    found = predicted(clauses, {"small": [behind], "medium": [STREAM]}, asked)
    assert [(it.target, it.reason) for it in found.attempts] == [("small", "reset"), ("medium", "ok")]
    late = broken("behind a token", "close", 0, events=True)
    torn = predicted(clauses, {"small": [late], "medium": [STREAM]}, asked)
    assert (torn.status, torn.truncated, torn.reason) == (200, True, "wanted")
    assert tries(torn) == [("small", 200, "truncated", 0)]
    assert torn.content
    assert torn.content.body == late.body("small 1")[0]


def test_a_gap_between_tokens_ends_a_stream() -> None:
    asked = Asked(stream=True)
    slow = Reply("slow", pieces_ms=(0, 300, 900), end_ms=900, events=True)
    found = predicted("timeouts: {betweenTokens: 500ms}", {"small": [slow], "medium": [OK]}, asked)
    assert (found.truncated, found.ends_ms, found.content and found.content.pieces) == (True, 800, 2)
    assert not predicted("timeouts: {betweenTokens: 1s}", {"small": [slow], "medium": [OK]}, asked).truncated


def test_the_budget_grants_three_repeats() -> None:
    found = predicted("degrade: [{tier: mid}], retries: {attempts: 2}", {"small": [told(500)], "medium": [told(502)]})
    assert [it.target for it in found.attempts] == ["small"] * 3 + ["medium"] * 2
    assert found.skipped == [Skip("medium", "mid", "budget")]
    assert (found.code, found.reason, found.rung) == ("5xx", "5xx", 1)


def test_words_are_no_answer_to_who_wants_vectors() -> None:
    hosts: Hosts = {"small": REFUSING, "medium": [OK]}
    found = predicted(f"degrade: [{BUSY}]", hosts, Asked(path="/v1/embeddings"))
    assert (found.status, found.words, found.rung) == (503, "busy", 1)


def test_what_is_close_to_falling_the_other_way_is_known() -> None:
    slow = Reply("slow", head_ms=380, pieces_ms=(380,), end_ms=380)
    assert predicted("timeouts: {answer: 400ms}", {"small": [slow], "medium": [OK]}).closest_ms == 20
    # Nothing comes too early, so beyond a bound less is enough.
    slow = Reply("slow", head_ms=450, pieces_ms=(450,), end_ms=450)
    assert predicted("timeouts: {answer: 400ms}", {"small": [slow], "medium": [OK]}).closest_ms == 250


def test_durations() -> None:
    assert [duration_ms(text) for text in ("1s500ms", "1h", "2m", "0s", "1.5s", "", "s")] == [
        1500,
        3_600_000,
        120_000,
        None,
        None,
        None,
        None,
    ]
    assert [header_ms(text) for text in ("2.5", "0", "300ms", "soon")] == [2500, None, 300, None]


# What is made up.


def test_chance_reaches_every_corner() -> None:
    made = [pair.expected for pair in pairs(0, 1500)]
    kinds = Counter(attempt.reason for told in made for attempt in told.attempts)
    assert set(kinds) == {"ok", "connect", "reset", "timeout", "overload", "5xx", "truncated"}
    ends = Counter(told.code for told in made)
    assert set(ends) == {"", "connect", "reset", "timeout", "overload", "5xx", "no_capacity", "invalid_timeout"}
    assert {skip.reason for told in made for skip in told.skipped} == {"no_capacity", "budget"}
    assert {told.rung for told in made} == {None, 0, 1, 2, 3, 4}
    assert {len(told.attempts) for told in made} >= set(range(7))
    assert min(kinds.values()) >= 15
    assert min(ends.values()) >= 3


def test_the_same_seed_makes_the_same_pairs() -> None:
    assert pairs(7, 20) == pairs(7, 20)
    assert pairs(7, 20) != pairs(8, 20)


# What is played.


def played(replies: list[Reply], timeout: float) -> list[tuple[Reply, Answer]]:
    """What a plain client gets of each, all at once."""
    with ScriptedUpstream(lambda seen: replies[int(seen.path[1:])].steps("a 1")) as upstream:

        def get(number: int) -> Answer:
            return request(upstream.address, path=f"/{number}", timeout=timeout)

        with ThreadPoolExecutor(len(replies)) as pool:
            return list(zip(replies, pool.map(get, range(len(replies))), strict=True))


def test_what_is_played_is_what_is_read() -> None:
    for reply, answer in played([*JSON["fine"], *JSON["late"], *STREAMS["fine"]], 10):
        assert (answer.status, answer.complete) == (reply.status, True), reply
        assert answer.body == b"".join(reply.body("a 1"))
        assert reply.end_ms - 5 <= answer.total_s * 1000 <= reply.end_ms + 2000


def test_what_goes_wrong_goes_wrong_as_it_is_read() -> None:
    for reply, answer in played([*JSON["wrong"], *STREAMS["wrong"], *STREAMS["late"]], 1.5):
        assert answer.complete == (reply.end == "whole"), reply
        assert answer.status == (0 if reply.head_ms == NEVER else reply.status)
        came = b"".join(reply.body("a 1")[: len(reply.pieces_ms)])
        assert answer.body == came
        assert (answer.error == "timed out") == (reply.end == "silence")
