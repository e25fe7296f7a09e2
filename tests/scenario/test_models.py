import json
import os
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.dataplane.support.answers import Answer
from tests.dataplane.support.client import CHAT, Request, chat
from tests.dataplane.support.ledger import Load
from tests.dataplane.support.upstream import ScriptedUpstream
from tests.scenario.manifests import config_map, custom, external, policy, save, secret, sim, small_engine, to
from tests.scenario.support import Up, by, ok, until


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fleet")
    save(folder / "a.yaml", small_engine("a"))
    save(folder / "auto.yaml", policy("auto", "a"))
    return folder


@pytest.fixture(scope="module")
def up(folder: Path) -> Iterator[Up]:
    with Up(folder, state=folder / ".state") as up:
        yield up.ready()
        assert up.process.poll() is None, str(up.err)
        assert not up.err.matching("fault of modelfleet|Envoy refused|Traceback"), str(up.err)


def said(up: Up, model: str, **headers: str) -> dict[str, Any]:
    """What our own engine answers with."""
    answer = up.ask(model, **headers)
    return dict(json.loads(answer.json()["choices"][0]["message"]["content"])) if ok(answer) else {}


def load(up: Up, model: str) -> Load:
    headers = {"content-type": "application/json"}
    return Load(up.address, lambda _: Request(CHAT, chat(model), headers), rate=60, connections=4)


def test_a_new_simulated_model_starts_and_serves(up: Up, folder: Path) -> None:
    save(folder / "new.yaml", sim("new"), policy("new", "new"))
    answer = up.until_served(ok, "new")
    assert by(answer) == "new"
    assert answer.json()["model"] == "m-new"


def test_changed_arguments_are_served_by_a_new_process_and_no_request_fails(up: Up, folder: Path) -> None:
    save(folder / "args.yaml", sim("args", "--answer-tokens=3"), policy("args", "args"))
    up.until_served(ok, "args")
    (before,) = up.family.find("--model m-args")
    with load(up, "args") as requests:
        requests.wait_for(10)
        since = up.mark
        save(folder / "args.yaml", sim("args", "--answer-tokens=5"), policy("args", "args"))
        up.until_served(lambda answer: answer.json()["usage"]["completion_tokens"] == 5, "args")
        until(lambda: before not in up.family.find("--model m-args"))
        up.said("ModelDeployment default/args: what it says now is in force", since)
        requests.wait_for(10)
    requests.report().assert_none_lost(20)
    assert len(up.family.find("--model m-args")) == 1


def test_replicas_come_and_go_and_no_request_fails(up: Up, folder: Path) -> None:
    def scaled(number: int) -> None:
        model = small_engine("many")
        model["spec"]["scale"] = {"replicas": number}
        save(folder / "many.yaml", model, policy("many", "many"))

    scaled(1)
    up.until_served(ok, "many")
    with load(up, "many") as requests:
        scaled(3)
        until(lambda: len({said(up, "many")["pid"] for _ in range(12)}) == 3, lambda: str(up.err))
        scaled(1)
        until(lambda: len({said(up, "many")["pid"] for _ in range(12)}) == 1, lambda: str(up.err))
        requests.wait_for(20)
    requests.report().assert_none_lost(30)


def test_a_removed_model_takes_only_its_own_tier_along(up: Up, folder: Path) -> None:
    save(folder / "gone.yaml", small_engine("gone"))
    save(folder / "two.yaml", policy("two", "a", "gone", rules=(to("gone"),)))
    up.until_served(lambda answer: by(answer) == "gone", "two", x_feature="gone")
    since = up.mark
    (folder / "gone.yaml").unlink()
    answer = up.until_served(lambda answer: answer.status == 503, "two", x_feature="gone")
    assert answer.json()["error"]["code"] == "no_capacity"
    assert answer.header("retry-after")
    up.said(r'two.yaml:\d+:\d+: error: .*no ModelDeployment "gone" is declared', since)
    assert by(up.ask("two")) == "a"
    save(folder / "gone.yaml", small_engine("gone"))
    up.until_served(lambda answer: by(answer) == "gone", "two", x_feature="gone")


def test_a_removed_model_is_asked_no_more_while_its_last_replica_still_answers(up: Up, folder: Path) -> None:
    # Its engine refuses any name but its own, which nobody knows any more.
    save(folder / "leaving.yaml", sim("leaving"))
    save(folder / "left.yaml", policy("left", "leaving", "a", degrade=[{"tier": "t-a"}]))
    up.until_served(lambda answer: by(answer) == "leaving", "left")
    (folder / "leaving.yaml").unlink()
    seen = list[Answer]()

    def has_fallen(answer: Answer) -> bool:
        seen.append(answer)
        return by(answer) == "a"

    up.until_served(has_fallen, "left")
    assert {answer.status for answer in seen} == {200}


def test_an_engine_that_crashes_is_told_and_started_again(up: Up, folder: Path) -> None:
    save(
        folder / "crash.yaml",
        custom("crash", "sh", "-c", "exit 3"),
        policy("crash", "a", "crash", rules=(to("crash"),)),
    )
    for _ in range(3):
        since = up.mark
        up.said("crash -> crash: 0 of 1, backing off: exited with status 3", since)
    assert up.ask("crash", x_feature="crash").status == 503
    assert by(up.ask("crash")) == "a"
    (folder / "crash.yaml").unlink()
    up.said("crash -> crash: is no longer served")


def test_a_program_that_is_missing_is_named_and_the_others_serve(up: Up, folder: Path, tmp_path: Path) -> None:
    program = tmp_path / "absent-program"
    objects = custom("absent", str(program)), policy("absent", "a", "absent", rules=(to("absent"),))
    save(folder / "absent.yaml", *objects)
    up.said(f"absent -> absent: 0 of 1, {program} is not installed: install it, or correct engine.command")
    up.until_served(lambda answer: by(answer) == "a", "absent")
    assert up.ask("absent", x_feature="absent").status == 503
    save(folder / "absent.yaml", small_engine("absent"), objects[1])
    up.until_served(lambda answer: by(answer) == "absent", "absent", x_feature="absent")


def test_variables_come_from_a_secret_and_a_config_map_and_follow_them(up: Up, folder: Path) -> None:
    env = [
        {"name": "PLAIN", "value": "on port $(PORT)"},
        {"name": "HIDDEN", "valueFrom": {"secretKeyRef": {"name": "token", "key": "t"}}},
        {"name": "OPEN", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "s"}}},
    ]
    save(folder / "env.yaml", small_engine("env", "PLAIN", "HIDDEN", "OPEN", env=env), policy("env", "env"))
    save(folder / "secret.yaml", config_map("settings", s="open-1"))
    up.said('env: error: .*no Secret "token"|needs entry "t" of Secret default/token')
    save(folder / "secret.yaml", secret("token", t="hidden-1"), config_map("settings", s="open-1"))
    until(lambda: said(up, "env").get("HIDDEN") == "hidden-1", lambda: str(up.err))
    assert said(up, "env")["OPEN"] == "open-1"
    assert said(up, "env")["PLAIN"].startswith("on port ")
    assert said(up, "env")["PLAIN"][8:].isdecimal()
    save(folder / "secret.yaml", secret("token", t="hidden-2"), config_map("settings", s="open-1"))
    until(lambda: said(up, "env").get("HIDDEN") == "hidden-2", lambda: str(up.err))
    assert "hidden-" not in "\n".join(up.err.lines)


def test_a_hosted_model_gets_its_key_and_a_new_one_when_the_secret_changes(up: Up, folder: Path) -> None:
    with ScriptedUpstream() as hosted:
        credentials = {"secretRef": {"name": "hosted-key", "key": "k"}}
        save(folder / "key.yaml", secret("hosted-key", k="key-one"))
        model = external("hosted", f"http://127.0.0.1:{hosted.port}/v1", credentials=credentials)
        save(folder / "hosted.yaml", model, policy("hosted", "hosted"))
        up.until_served(ok, "hosted")
        for key in ("key-one", "key-two"):
            save(folder / "key.yaml", secret("hosted-key", k=key))
            until(partial(_hears, up, hosted, f"Bearer {key}"), lambda: str(up.err))
    assert "key-one" not in "\n".join(up.err.lines)


def test_a_killed_engine_comes_back_and_serves(up: Up) -> None:
    before = said(up, "auto")["pid"]
    os.kill(before, signal.SIGKILL)
    until(lambda: said(up, "auto").get("pid", before) != before, lambda: str(up.err))


def test_a_killed_leash_leaves_nothing_and_the_engine_comes_back(up: Up, folder: Path) -> None:
    save(folder / "held.yaml", small_engine("held", "grandchild"), policy("held", "held"))
    up.until_served(ok, "held")
    before = said(up, "held")["pid"]
    (grandchild,) = up.family.find("sleep 1000")
    parent = int(Path(f"/proc/{before}/stat").read_text().rpartition(")")[2].split()[1])
    os.kill(parent, signal.SIGKILL)
    until(lambda: said(up, "held").get("pid", before) != before, lambda: str(up.err))
    assert not {before, grandchild} & {member.pid for member in up.family.look()}
    (folder / "held.yaml").unlink()


def test_a_killed_envoy_comes_back_on_the_same_port(up: Up) -> None:
    (before,) = up.family.find("--config-path")
    os.kill(before, signal.SIGKILL)
    until(lambda: ok(up.ask("auto")) and before not in up.family.find("--config-path"), lambda: str(up.err))
    assert len(up.out.lines) == 1


def _hears(up: Up, hosted: ScriptedUpstream, wanted: str) -> bool:
    up.ask("hosted", authorization="Bearer of-the-caller")
    return hosted.requests[-1].header("authorization") == wanted
