import gzip
import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from modelfleet.cli.main import main
from modelfleet.sources.reasons import REASONS

TIME = "2026-11-21T15:35:52.423Z"
PROGRAM = [sys.executable, "-m", "modelfleet"]


def records(*arguments: str | Path, stdin: str | bytes | None = None) -> Result:
    result = CliRunner().invoke(main, ["records", *map(str, arguments)], input=stdin)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.output
    return result


def line(name: str, **fields: Any) -> str:
    text = {"v": 1, "id": name, "time": TIME, "policy": "team/chat", "status": 200, **fields}
    return json.dumps(text) + "\n"


def answered(name: str, by: str, **fields: Any) -> str:
    return line(name, served={"model": by, "tier": "light"}, attempts=[{"target": by}], **fields)


MANY = "".join(
    (
        answered("a", "small", rule="default", tier="light", model="auto", reason="wanted", ms={"total": 10}),
        answered("b", "big", rule="long", tier="large", model="auto", reason="overload", ms={"total": 30.5}),
        line("c", rule="long", tier="large", model="auto", reason="timeout", status=504, ms={"total": 900}),
        line("d", policy=None, model="nope", reason="model_not_found", status=404, ms={"total": 0}),
        line("e", policy="other/chat", model="x", reason="connect", status=503, attempts=[{"target": "dead"}]),
    )
)


@pytest.fixture
def many(tmp_path: Path) -> Path:
    path = tmp_path / "decisions.jsonl"
    path.write_text(MANY)
    return path


def shown(*arguments: str | Path) -> list[str]:
    result = records("-o", "json", *arguments)
    return [json.loads(text)["id"] for text in result.stdout.splitlines()]


def test_a_record_is_a_line_in_columns_below_a_head(many: Path) -> None:
    result = records(many)
    assert (result.exit_code, result.stderr) == (0, "")
    head, *lines = result.stdout.splitlines()
    assert head.split() == ["TIME", "STATUS", "POLICY", "RULE", "TIER>SERVED", "TRIES", "MS", "REASON"]
    assert lines[1].split() == [TIME, "200", "team/chat", "long", "large>big", "1", "30.5", "overload"]
    assert lines[3].split() == [TIME, "404", "-", "-", "-", "0", "0", "model_not_found"]
    assert lines[4].split()[4:] == ["-", "1", "-", "connect"]
    assert {text.index(" team/chat") for text in lines[:3]} == {head.index(" POLICY")}


def test_wide_lines_have_the_id_and_who_asked(many: Path) -> None:
    many.write_text(answered("the-id", "small", tenant="acme", tokens={"in": 7}, flags="DC", gateway="edge"))
    head, only = records("-o", "wide", many).stdout.splitlines()
    assert len(head.split()) == len(only.split()) == 21
    assert {"the-id", "acme", "7", "DC", "edge"} <= set(only.split())


def test_columns_grow_and_what_is_too_long_is_cut(many: Path) -> None:
    many.write_text(line("a", rule="r" * 30, reason="x") + line("b", rule="r", reason="y") + line("c", rule="s" * 5000))
    _, first, second, third = records(many).stdout.splitlines()
    assert first.index(" x") == second.index(" y")
    assert "s" * 37 + "..." in third
    assert len(third) < 200


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (["--policy", "chat"], "abce"),
        (["--policy", "team/chat"], "abc"),
        (["--policy", "cha"], ""),
        (["--rule", "long"], "bc"),
        (["--rule", "default"], "a"),
        (["--model", "auto"], "abc"),
        (["--model", "big"], "b"),
        (["--model", "dead"], "e"),
        (["--tier", "large"], "bc"),
        (["--tier", "light"], "ab"),
        (["--status", "504"], "c"),
        (["--status", "5xx"], "ce"),
        (["--status", "0"], ""),
        (["--reason", "timeout"], "c"),
        (["--reason", "what-a-newer-gateway-gives"], ""),
        (["--limit", "2"], "de"),
        (["--limit", "1", "--policy", "team/chat"], "c"),
        (["--tier", "large", "--status", "2xx"], "b"),
        (["--id", "c"], "c"),
    ],
)
def test_the_records_that_are_meant_are_shown(many: Path, arguments: list[str], found: str) -> None:
    assert "".join(shown(*arguments, many)) == found


def test_since_leaves_out_what_is_older_and_what_has_no_time(many: Path) -> None:
    now = datetime.now(UTC)
    times = [(now - timedelta(minutes=minutes)).isoformat().replace("+00:00", "Z") for minutes in (90, 5)]
    unzoned = now.replace(tzinfo=None).isoformat()
    many.write_text(
        "".join(line(name, time=time) for name, time in zip("abcd", [*times, "noon", unzoned], strict=True))
    )
    assert shown("--since", "1h30m", many) == ["b", "d"]
    assert shown("--since", "2h", many) == ["a", "b", "d"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--since", "yesterday"], "must be a duration from 1ms to 720h"),
        (["--status", "5x"], "must be a status such as 503"),
        (["--status", "600"], "must be a status such as 503"),
        (["--limit", "0"], "--limit"),
        (["--reason", "timout"], "timout is no reason: did you mean timeout?"),
        (["--reason", "Timeout"], "did you mean timeout?"),
        (["--id", "a", "--summary"], "use one of them"),
        (["--state", "somewhere"], "use one of them"),
    ],
)
def test_an_option_that_makes_no_sense_is_explained(many: Path, arguments: list[str], words: str) -> None:
    result = records(*arguments, many)
    assert result.exit_code == 2
    assert words in result.stderr


def test_json_is_what_was_written_also_what_is_new() -> None:
    text = '{ "v":1, "new": {"b":1,"a":2.50}, "model":"\\u00e4 ö" }'
    result = records("-o", "json", "-", stdin=text + "\n")
    assert result.stdout == text + "\n"


def test_json_has_letters_that_a_terminal_would_obey_in_their_other_form() -> None:
    text = '{"v":1,\t"model":"a\u009b31m\u202e"}'
    (only,) = records("-o", "json", "-", stdin=text).stdout.splitlines()
    assert only == '{"v":1,\t"model":"a\\u009b31m\\u202e"}'
    assert json.loads(only) == json.loads(text)


def test_one_decision_is_explained(many: Path) -> None:
    result = records("--id", "c", many)
    assert result.exit_code == 0
    assert result.stdout.startswith(f"decision   c at {TIME}\n")
    assert "because    The model did not answer in time.\n" in result.stdout


def test_nothing_is_read_after_the_decision_that_is_asked_for(many: Path) -> None:
    many.write_text(line("a") + line("b") + "x\n" + line("b"))
    result = records("--id", "b", many)
    assert result.stdout.count("decision") == 1
    assert result.stderr == ""


@pytest.mark.parametrize("output", ["text", "json", "wide"])
def test_who_asks_for_what_is_not_there_hears_so(many: Path, output: str) -> None:
    result = records("-o", output, "--reason", "budget", many)
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == "modelfleet records: no record of 5 fits\n"
    many.write_text("")
    assert records("-o", output, "--reason", "budget", many).stderr == ""


@pytest.mark.parametrize("reason", REASONS)
def test_every_reason_can_be_asked_for(many: Path, reason: str) -> None:
    many.write_text(line("a", reason=reason) + line("b", reason="x"))
    assert shown("--reason", reason, many) == ["a"]


def test_an_id_that_is_not_there_exits_1(many: Path) -> None:
    result = records("--id", "z\x1b", many)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "modelfleet records: there is no decision with the id z\\x1b\n"


def test_a_path_that_is_absent_exits_2_and_the_rest_is_read(many: Path) -> None:
    result = records(many, many.parent / "gone")
    assert result.exit_code == 2
    assert len(result.stdout.splitlines()) == 6
    assert result.stderr == f"modelfleet records: {many.parent}/gone: does not exist\n"
    assert records("--id", "z", many.parent / "gone").exit_code == 2


def test_bad_lines_are_counted_and_the_first_three_are_told(many: Path) -> None:
    many.write_text("x\n" + line("a") + "[]\n" + "{}\n" * 3)
    result = records(many)
    assert result.exit_code == 0
    assert len(result.stdout.splitlines()) == 2
    assert result.stderr.splitlines() == [
        "modelfleet records: 5 lines are no records, the first:",
        f"  {many}:1: is not JSON",
        f"  {many}:3: is not an object",
        f"  {many}:4: has no version: v is missing",
    ]


def test_one_bad_line_is_told(many: Path) -> None:
    many.write_text("x\n")
    result = records(many)
    assert (result.stdout, result.stderr) == (
        "",
        f"modelfleet records: 1 line is no record:\n  {many}:1: is not JSON\n",
    )


def test_a_request_that_was_left_has_the_reason_of_its_attempt(many: Path) -> None:
    many.write_text(line("a", attempts=[{"target": "m", "reason": "abandoned"}], status=0) + line("b", reason="-"))
    assert shown("--reason", "abandoned", many) == ["a"]
    assert records(many).stdout.splitlines()[1].endswith(" abandoned")


def test_what_stands_in_a_record_cannot_speak_to_the_terminal(many: Path) -> None:
    many.write_text(line("a", rule="\x1b[31m", reason="a\nb", time="\u009b"))
    for output in ("text", "wide"):
        assert all(text.isprintable() for text in records("-o", output, many).stdout.splitlines())
        assert len(records("-o", output, many).stdout.splitlines()) == 2
    assert "\x1b" not in records("--summary", many).stdout


def test_standard_input_may_be_compressed() -> None:
    assert records("-", stdin=gzip.compress(MANY.encode())).stdout == records("-", stdin=MANY).stdout


def test_a_summary_has_counts_shares_and_times(many: Path) -> None:
    lines = records("--summary", many).stdout.splitlines()
    assert lines[0] == "5 records"
    assert "policy  team/chat           3   60.0%" in lines
    assert "rule    team/chat long             2   40.0%" in lines
    assert "served  small          1   20.0%" in lines
    assert lines[-1] == "took    p50 10 ms, p90 900 ms, p99 900 ms, longest 900 ms"


def test_a_summary_for_programs_has_the_same(many: Path) -> None:
    found = json.loads(records("--summary", "-o", "json", "--policy", "team/chat", many).stdout)
    assert found["records"] == 3
    assert found["policy"] == {"team/chat": 3}
    assert found["reason"] == {"wanted": 1, "overload": 1, "timeout": 1}
    assert found["ms"] == {"p50": 30, "p90": 900, "p99": 900, "max": 900}


def test_a_summary_of_nothing_is_no_mistake(many: Path) -> None:
    assert records("--summary", "--rule", "none", many).stdout.startswith("0 records\n")
    assert json.loads(records("--summary", "-o", "json", "--rule", "none", many).stdout)["ms"]["p50"] is None


def test_times_are_right_to_one_percent(many: Path) -> None:
    many.write_text("".join(line("a", ms={"total": 3 * number}) for number in range(1, 10_001)))
    found = json.loads(records("--summary", "-o", "json", many).stdout)["ms"]
    assert found["p50"] == pytest.approx(15_000, rel=0.01)
    assert found["p90"] == pytest.approx(27_000, rel=0.01)
    assert found["p99"] == pytest.approx(29_700, rel=0.01)
    assert found["max"] == 30_000


@pytest.mark.parametrize("ms", [0, 1, 17, 999, 1000, 1234, 45_678, 987_654, 2**40])
def test_a_time_is_right_to_one_percent_however_long_it_is(many: Path, ms: int) -> None:
    for number in range(10):
        took = ms + ms * number // 100
        many.write_text(line("a", ms={"total": took}) + line("b", ms={"total": 9 * ms + 1}))
        found = json.loads(records("--summary", "-o", "json", many).stdout)["ms"]["p50"]
        assert found == (took if took < 1000 else pytest.approx(took, rel=0.01))


def test_a_summary_keeps_no_more_than_a_thousand_names(many: Path) -> None:
    many.write_text("".join(line("a", reason=f"r{number}") for number in range(1500)))
    reasons = json.loads(records("--summary", "-o", "json", many).stdout)["reason"]
    assert len(reasons) == 1001
    assert reasons["(others)"] == 500


def test_the_state_folder_of_up_is_read(many: Path) -> None:
    assert shown("--state", many.parent) == list("abcde")


def test_without_a_path_the_last_up_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    nothing = records()
    assert nothing.exit_code == 2
    assert "no `modelfleet up` has left records here: name a PATH" in nothing.stderr
    for name, age in (("up", 100), ("up-2", 50)):
        file = tmp_path / "modelfleet" / name / "decisions.jsonl"
        file.parent.mkdir(parents=True)
        file.write_text(line(name))
        os.utime(file, (1_700_000_000 - age, 1_700_000_000 - age))
    assert shown() == ["up-2"]


def test_a_closed_pipe_is_met_with_silence(many: Path) -> None:
    many.write_text(MANY * 2000)
    script = '"$@" | head -1; echo "${PIPESTATUS[0]}" >&2'
    done = subprocess.run(
        ["/bin/bash", "-c", script, "bash", *PROGRAM, "records", str(many)], capture_output=True, text=True, check=False
    )
    assert done.stdout.startswith("TIME")
    assert done.stderr == "1\n"
