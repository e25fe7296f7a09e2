import json

from modelfleet.cli.report import LONGEST, absences, as_json, as_text
from modelfleet.findings import Key, Reason, Severity, printable
from modelfleet.sources.review import Located, Review

LONG = "begin" + "x" * 6_000_000 + "end"


def reviewed(path: str, message: str, name: str = "m") -> Review:
    key = Key("ModelDeployment", "default", name)
    return Review(findings=[Located("a.yaml", 1, 1, Severity.ERROR, path, message, Reason.UNKNOWN_FIELD, key)])


def test_a_long_path_and_a_long_message_are_cut_in_the_middle() -> None:
    line = as_text(reviewed(LONG, LONG))
    assert line.startswith("a.yaml:1:1: error: beginxxx")
    assert line.endswith("xxxend\n")
    assert "x...x" in line
    assert len(line) < 2 * LONGEST + 50


def test_what_is_not_longer_than_500_letters_is_printed_whole() -> None:
    assert as_text(reviewed("spec", "m" * 500)) == f"a.yaml:1:1: error: spec: {'m' * 500}\n"


def test_json_is_cut_as_the_text_is() -> None:
    output = as_json(reviewed(LONG, LONG, LONG), {})
    (finding,) = json.loads(output)["findings"]
    assert len(finding["path"]) <= LONGEST
    assert finding["object"]["name"].endswith("xend")
    assert len(output) < 5 * LONGEST


def test_an_absent_path_cannot_speak_to_the_terminal() -> None:
    assert absences(Review(absent=["a\x1b[31m\nb: does not exist"])) == (
        "modelfleet lint: a\\x1b[31m\\nb: does not exist\n"
    )


def test_what_cannot_be_printed_is_written_out_and_the_rest_stays() -> None:
    assert printable("a\tb\x1b \u2028\ud800 é€😀 c") == r"a\tb\x1b \u2028\ud800 é€😀 c"
