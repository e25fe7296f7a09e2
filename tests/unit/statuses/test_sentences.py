"""Messages: on one line, of bounded length, and each of them said once."""

from modelfleet.findings import Condition, Finding, Reason, Severity
from modelfleet.statuses.conditions import FALSE, LONGEST, TRUE, UNKNOWN, Row, ready, sentences, shortened, told, wire
from tests.support.statuses import M


def row(type_: Condition, status: str, message: str = "") -> Row:
    return Row(type_, {"True": TRUE, "False": FALSE, "Unknown": UNKNOWN}[status], Reason.PENDING, message)


def test_a_message_cannot_speak_to_a_terminal() -> None:
    assert shortened("a\x1b[31mb\nc\u202ed\ud800") == r"a\x1b[31mb\nc\u202ed\ud800"


def test_a_message_is_as_long_as_the_api_server_takes() -> None:
    assert shortened("a" * LONGEST) == "a" * LONGEST
    cut = shortened("a" * (LONGEST + 1))
    assert (len(cut), cut[-2:]) == (LONGEST, "a…")


def test_a_sentence_is_said_once_and_of_many_five() -> None:
    assert sentences(["a", "b", "a"]) == "a; b"
    assert sentences("abcde") == "a; b; c; d; e"
    assert sentences("abcdefg") == "a; b; c; d; e; and 2 more"


def test_a_finding_names_its_field_where_it_has_one() -> None:
    found = [
        Finding(M, ("spec", "engine", "env", 0), Reason.REQUIRED, "is required"),
        Finding(M, (), Reason.WRONG_TYPE, "must be an object", Severity.WARNING),
    ]
    assert told(found) == "spec.engine.env[0]: is required; must be an object"


def test_ready_is_what_speaks_against_it_first_and_what_is_wrong_before_what_is_open() -> None:
    good, bad = row(Condition.ACCEPTED, "True"), row(Condition.AVAILABLE, "False", "down")
    lost, open_ = row(Condition.CONFLICTED, "True", "lost"), row(Condition.PLACED, "Unknown", "open")
    assert ready([good, row(Condition.CONFLICTED, "False")], "fine") == Row(Condition.READY, TRUE, Reason.READY, "fine")
    assert ready([good, open_, lost, bad], "fine") == Row(Condition.READY, FALSE, Reason.PENDING, "lost")
    assert ready([good, open_], "fine") == Row(Condition.READY, UNKNOWN, Reason.PENDING, "open")


def test_every_condition_says_which_generation_it_speaks_of() -> None:
    assert wire([row(Condition.PLACED, "False", "a\nb")], 7) == {
        "observedGeneration": 7,
        "conditions": [
            {"type": "Placed", "status": "False", "observedGeneration": 7, "reason": "Pending", "message": r"a\nb"}
        ],
    }
