"""How each engine is started on one machine, and what is said where it cannot be."""

import sys
from pathlib import Path
from typing import Any

import pytest

from modelfleet.api.modeldeployment.kind import ModelDeployment
from modelfleet.findings import Key
from modelfleet.fleet.parse import Valid, parse_object
from modelfleet.fleet.world import Hidden
from modelfleet.local.engines import Launch, Missing, plan_launch

SECRETS = {Key("Secret", "default", "s"): {"token": Hidden("t0p")}}


def model(source: str | None = None, **engine: Any) -> ModelDeployment:
    about = {"name": "m-8b", **({"source": source} if source else {})}
    raw = {
        "apiVersion": "modelfleet.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {"name": "m"},
        "spec": {"model": about, "engine": engine},
    }
    parsed = parse_object(raw)
    assert isinstance(parsed, Valid), parsed
    assert isinstance(parsed.resource, ModelDeployment)
    return parsed.resource


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH with all programs that an engine may need, and nothing else."""
    for name in ("llama-server", "vllm", "ollama", "serve-it"):
        program = tmp_path / name
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def launched(found: Launch | Missing, port: int = 4000) -> tuple[str, dict[str, str]]:
    assert isinstance(found, Launch), found
    command, env = found.at(port, {"HOME": "/h"})
    return " ".join(command), env


@pytest.mark.usefixtures("programs")
@pytest.mark.parametrize(
    ("engine", "source", "command", "health"),
    [
        (
            "llamacpp",
            "hf://org/model",
            "llama-server --host 127.0.0.1 --port 4000 --alias m-8b -hf org/model",
            "/health",
        ),
        ("llamacpp", "file:///w.gguf", "llama-server --host 127.0.0.1 --port 4000 --alias m-8b -m /w.gguf", "/health"),
        ("llamacpp", None, "llama-server --host 127.0.0.1 --port 4000 --alias m-8b", "/health"),
        (
            "vllm",
            "hf://org/model",
            "vllm serve org/model --host 127.0.0.1 --port 4000 --served-model-name m-8b",
            "/health",
        ),
        ("vllm", None, "vllm serve m-8b --host 127.0.0.1 --port 4000 --served-model-name m-8b", "/health"),
        ("ollama", None, "ollama serve", "/api/version"),
    ],
)
def test_an_engine_is_started_by_its_program(engine: str, source: str | None, command: str, health: str) -> None:
    found = plan_launch(model(source, name=engine), {})
    assert launched(found)[0] == command
    assert isinstance(found, Launch)
    assert found.health == health


@pytest.mark.usefixtures("programs")
def test_ollama_hears_of_its_address_by_a_variable() -> None:
    _, env = launched(plan_launch(model(name="ollama"), {}))
    assert env["OLLAMA_HOST"] == "127.0.0.1:4000"


def test_the_simulated_engine_needs_no_program() -> None:
    command, env = launched(plan_launch(model(name="sim", args=["--seed=3"]), {}))
    begin = f"{sys.executable} -m modelfleet.engines_sim --model m-8b --listen 127.0.0.1:4000"
    assert command == f"{begin} --seed=3"
    assert (env["PORT"], env["HOST"], env["HOME"]) == ("4000", "127.0.0.1", "/h")


@pytest.mark.usefixtures("programs")
def test_variables_are_filled_in_as_in_a_pod() -> None:
    env = [
        {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "s", "key": "token"}}},
        {"name": "URL", "value": "http://$(HOST):$(PORT)/$(NOBODY)"},
    ]
    command = ["serve-it", "--at=$(PORT)", "--as=$(TOKEN)", "$(NOBODY)"]
    found, given = launched(plan_launch(model(name="custom", command=command, env=env), SECRETS))
    assert found == "serve-it --at=4000 --as=t0p $(NOBODY)"
    assert (given["TOKEN"], given["URL"]) == ("t0p", "http://127.0.0.1:4000/$(NOBODY)")


@pytest.mark.usefixtures("programs")
def test_a_command_of_one_s_own_is_ready_when_it_can_be_connected_to() -> None:
    found = plan_launch(model(name="vllm", command=["serve-it"]), {})
    assert isinstance(found, Launch)
    assert (found.command, found.health) == (("serve-it",), None)


@pytest.mark.parametrize(
    ("engine", "words"),
    [
        ({"name": "vllm"}, "vllm is not installed: install it, or name it with engine.command"),
        ({"name": "llamacpp"}, "llama-server is not installed: install it, or name it with engine.command"),
        ({"name": "triton"}, "triton is not started on one machine: add engine.command, or use another engine"),
        (
            {"name": "custom", "image": "x"},
            "it has an image and no command, and no images run here: add engine.command",
        ),
        ({"name": "sim", "command": ["no-such"]}, "no-such is not installed: install it, or correct engine.command"),
        (
            {"name": "sim", "env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "x"}}}]},
            'variable A needs entry "x" of Secret default/s, which is not there: add it',
        ),
    ],
)
def test_what_is_missing_is_said_with_what_would_help(
    engine: dict[str, Any], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert plan_launch(model(**engine), SECRETS) == Missing(words)
