"""The four logs of one record: each request takes one, whatever is noted of it, and all say the same fields."""

import itertools
import json
from typing import Any

import pytest

from modelfleet.envoy.record import access_logs, line_format, record_format
from modelfleet.fleet.world import Gateway
from tests.support.luanotes import Notes
from tests.support.luarecord import VALUES, is_line, logs_of, record_of, written

FIRST = (
    '"id":"id-1","policy":null,"revision":null,"tenant":null,"feature":null,"step":null,"class":null,"model":null,'
    '"rule":null,"score":null,"tier":null,"target":null,"rung":0,"stream":false,"path":null,"host":null,'
    '"method":"POST","attempts":[{"target":"m"'
)
FURTHER = ',"status":200,"reason":"ok","ms":3}],"served":{},"skipped":null,"reason":"wanted","tokens":{"in":1,"out":2}'
NOTED: dict[str, list[Any]] = {
    "line": [None, FURTHER, False],
    "first": [None, FIRST, False],
    "sent": [None, True, False],
    "said": [None, True],
    "decision": [None, {"rung": 1}],
    "attempts": [None, [{"target": "m", "status": 200, "reason": "ok", "ms": 1}]],
    "last": [None, {"try": 1}],
}
CASES = [
    {name: value for name, value in zip(NOTED, values, strict=True) if value is not None}
    for values in itertools.product(*NOTED.values())
]


@pytest.mark.parametrize("noted", CASES, ids=lambda noted: "+".join(noted) or "nothing")
def test_each_request_takes_exactly_one_log_whatever_is_noted_of_it(noted: dict[str, Any]) -> None:
    notes = Notes(**noted)
    assert len(logs_of(notes)) == 1
    assert is_line(notes) is bool(noted.get("line") or noted.get("first"))
    if not is_line(notes):
        assert record_of(notes)["attempts"] == (noted.get("attempts") if noted.get("sent") else [])


def test_a_request_that_no_script_has_seen_has_a_record() -> None:
    record = record_of(Notes())
    assert (record["attempts"], record["served"], record["policy"]) == ([], None, None)
    assert (record["id"], record["status"]) == ("id-1", 200)


def test_all_logs_have_the_same_fields_and_go_to_the_same_place() -> None:
    logs = access_logs(Gateway("default", record="/var/log/record"))
    notes = Notes(line=FURTHER, first=FIRST, sent=True, attempts=[])
    fields = {frozenset(written(log, notes, VALUES)) for log in logs}
    assert fields == {frozenset(record_format("default", []))}
    assert {log["typed_config"]["path"] for log in logs} == {"/var/log/record"}


def filled(gateway: str) -> dict[str, Any]:
    """The line as it stands in the file."""
    return record_of(Notes(first=FIRST, line=FURTHER), gateway)


@pytest.mark.parametrize(
    "name", ["default", "a%b", "%REQ(authorization)%", "100%", "%%", 'say "a"', "a\\b", "\u00e9\n"]
)
def test_a_gateway_s_name_stands_in_the_line_as_it_is(name: str) -> None:
    assert filled(name)["gateway"] == name


def test_a_line_ends_where_the_next_begins_and_says_what_envoy_knows() -> None:
    assert line_format("default", FURTHER, "1").count("\n") == 1
    record = filled("default")
    assert (record["v"], record["time"]) == (1, "2026-01-02T03:04:05.006Z")
    assert (record["status"], record["flags"], record["details"]) == (200, "-", "via_upstream")
    assert (record["bytes"], record["ms"]) == ({"in": 44, "out": 7}, {"total": 12, "firstByte": 11})
    assert record["would"] == {}


def test_a_request_of_which_nobody_heard_again_has_no_first_byte() -> None:
    # Envoy writes a dash for what it does not know, which is no JSON.
    record = record_of(Notes(first=FIRST, sent=True), RESPONSE_DURATION="-", RESPONSE_CODE=0)
    assert (record["ms"], record["status"]) == ({"total": 12, "firstByte": None}, 0)
    assert record["attempts"] == [{"target": "m", "status": 0, "reason": "abandoned", "ms": 0}]
    assert (record["served"], record["reason"], record["tokens"]) == (None, None, {"in": None, "out": None})
    assert filled("default")["ms"]["firstByte"] == 11


def test_no_field_is_said_twice() -> None:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _ in pairs]
        assert len(names) == len(set(names))
        return dict(pairs)

    words = line_format("default", FURTHER, "%RESPONSE_DURATION%")
    words = words.replace("%DYNAMIC_METADATA(modelfleet:first)%", FIRST)
    for command, value in VALUES.items():
        words = words.replace(f"%{command}%", str(value))
    assert json.loads(words, object_pairs_hook=once) == filled("default")
