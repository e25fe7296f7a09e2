"""How each engine is started, and that it is the same program as on one machine."""

from typing import Any

import pytest

from modelfleet.api.modeldeployment.engine import EngineName
from modelfleet.local.engines import HEALTH, Launch, plan_launch
from modelfleet.workloads.engines import ENGINES
from modelfleet.workloads.options import Options
from tests.support.documents import hardware_class
from tests.unit.workloads.made import children, engine, flag, one, pod, share, small_fleet, variables

CPU = hardware_class("{family: cpu, unit: {resources: {cpu: 4}}}", name="cpu")
GPU = hardware_class("{unit: {resources: {nvidia.com/gpu: 1, cpu: 6}}}")
ON = "placement: {classes: [{name: gpu}]}"


def started(name: str, model: str = "{name: m}", more: str = "", units: int = 1) -> list[dict[str, Any]]:
    return children(f"{{engine: {{name: {name}{more}}}, model: {model}, {ON}}}", GPU, shares=(share(units=units),))


def words(made: list[dict[str, Any]]) -> list[str]:
    return [*engine(made).get("command", []), *engine(made).get("args", [])]


@pytest.mark.parametrize("name", EngineName)
def test_every_engine_listens_where_the_service_and_the_probes_look(name: EngineName) -> None:
    made = started(name, more=", image: example.com/engine:1")
    container = engine(made)
    (port,) = container["ports"]
    assert variables(made)["PORT"] == str(port["containerPort"]) == str(ENGINES[name].port)
    assert one("Service", made)["spec"]["ports"][0]["targetPort"] == port["name"]
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        look = container[probe].get("httpGet") or container[probe]["tcpSocket"]
        assert look["port"] == port["name"]
    # 1024 and above is what anybody may listen on.
    assert port["containerPort"] >= 1024


@pytest.mark.parametrize("name", EngineName)
def test_every_engine_has_a_home_that_it_can_write_to(name: EngineName) -> None:
    assert variables(started(name, more=", image: example.com/engine:1"))["HOME"] == "/cache"


@pytest.mark.parametrize("name", [it for it in EngineName if it not in (EngineName.SIM, EngineName.CUSTOM)])
def test_every_public_image_is_pinned(name: EngineName) -> None:
    image = engine(started(name))["image"]
    assert image == ENGINES[name].images[small_fleet("", GPU)[1].classes["gpu"].spec.family]
    tag = image.rpartition(":")[2]
    assert "latest" not in tag
    assert any(letter.isdigit() for letter in tag)


def test_the_simulated_engine_is_in_our_own_image() -> None:
    options = Options(image="registry.example.com/modelfleet:9")
    assert engine(children(shares=(share("", 0),), options=options))["image"] == options.image


@pytest.mark.parametrize("name", HEALTH)
def test_an_engine_is_healthy_in_a_cluster_where_it_is_on_one_machine(name: EngineName) -> None:
    assert ENGINES[name].health == HEALTH[name]


@pytest.mark.parametrize("name", ["sim", "vllm", "llamacpp"])
def test_an_engine_is_asked_for_the_same_in_a_cluster_and_on_one_machine(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("modelfleet.local.engines.which", lambda program: program)
    source = "" if name == "sim" else ", source: 'hf://example/weights'"
    spec = f"{{engine: {{name: {name}, args: [--seed, '7']}}, model: {{name: served{source}}}, work: embedding}}"
    launch = plan_launch(small_fleet(spec)[0], {})
    assert isinstance(launch, Launch)
    here = set(launch.command) - {"127.0.0.1", "$(PORT)", "127.0.0.1:$(PORT)"}
    there = words(children(spec, shares=(share("", 0),)))
    # The programs have other paths. In a cluster more is said, which on one machine the user says.
    assert {word for word in here if not word.startswith("/") and word != "llama-server"} <= set(there)
    assert ("--embedding" in here) == ("--embedding" in there)


def test_vllm_splits_a_model_over_the_gpus_of_a_replica() -> None:
    assert flag(started("vllm"), "--tensor-parallel-size") is None
    assert flag(started("vllm", units=4), "--tensor-parallel-size") == "4"
    made = children(f"{{engine: {{name: vllm}}, {ON}}}", hardware_class("{unit: {resources: {nvidia.com/gpu: 2}}}"))
    assert flag(made, "--tensor-parallel-size") == "2"


def test_devices_that_are_claimed_count_as_those_that_are_resources() -> None:
    tpu = hardware_class("{unit: {deviceClass: gpu.example.com, resources: null}}")
    made = children(f"{{engine: {{name: vllm}}, {ON}}}", tpu, shares=(share(units=2),))
    assert flag(made, "--tensor-parallel-size") == "2"


def test_processors_are_no_devices() -> None:
    spec = "{engine: {name: vllm}, placement: {classes: [{name: cpu, units: 4}]}}"
    made = children(spec, CPU, shares=(share("cpu", 4),))
    assert flag(made, "--tensor-parallel-size") is None
    assert engine(made)["image"].startswith("vllm/vllm-openai-cpu:")


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("vllm", "--tensor-parallel-size=4"),
        ("vllm", "--tensor_parallel_size=4"),
        ("vllm", "-tp"),
        ("sglang", "--tp=4"),
        ("tgi", "--num-shard"),
    ],
)
def test_what_the_user_gives_is_not_given_twice(name: str, given: str) -> None:
    made = started(name, more=f", args: ['{given}', '4']", units=2)
    assert not {"--tensor-parallel-size", "--tp-size", "--num-shard", "2"} & {*words(made)} - {given}
    assert engine(made)["args"][-2:] == [given, "4"]


def test_the_context_and_the_slots_are_handed_on() -> None:
    model, slots = "{name: m, contextTokens: 8192}", "scale: {concurrencyPerReplica: 4}"
    spec = f"{{model: {model}, {slots}, {ON}, engine: {{name: %s}}}}"
    assert flag(children(spec % "vllm", GPU), "--max-model-len") == "8192"
    assert flag(children(spec % "sglang", GPU), "--context-length") == "8192"
    assert flag(children(spec % "tgi", GPU), "--max-total-tokens") == "8192"
    assert flag(children(spec % "tgi", GPU), "--max-input-tokens") == "8191"
    llamacpp = children(spec % "llamacpp", GPU)
    assert (flag(llamacpp, "--ctx-size"), flag(llamacpp, "--parallel")) == ("32768", "4")
    ollama = variables(children(spec % "ollama", GPU))
    assert (ollama["OLLAMA_CONTEXT_LENGTH"], ollama["OLLAMA_NUM_PARALLEL"]) == ("8192", "4")


@pytest.mark.parametrize(("work", "mode"), [("embedding", "--embedding"), ("reranking", "--reranking")])
def test_llamacpp_is_started_for_the_work_that_it_otherwise_refuses(work: str, mode: str) -> None:
    assert mode in words(children(f"{{work: {work}, engine: {{name: llamacpp}}, {ON}}}", GPU))
    assert mode not in words(started("llamacpp"))


def test_ollama_has_the_model_before_it_serves_and_needs_no_gpu_to_fetch_it() -> None:
    made = started("ollama", "{name: bge, source: 'hf://example/bge-GGUF:Q4'}")
    (first,) = pod(made)["initContainers"]
    assert first["command"][-2:] == ["hf.co/example/bge-GGUF:Q4", "bge"]
    assert first["resources"] == {"requests": {"cpu": "6"}}
    assert {it["name"]: it.get("value") for it in first["env"]} == variables(made)
    (alone,) = pod(started("ollama", "{name: 'llama3.1:8b'}"))["initContainers"]
    assert alone["command"][-2:] == ["llama3.1:8b", "llama3.1:8b"]


def test_a_command_of_the_user_stands_for_all_that_we_would_start() -> None:
    made = started("ollama", more=", command: [/serve, now], args: [--loud]")
    assert (engine(made)["command"], engine(made)["args"]) == (["/serve", "now"], ["--loud"])
    assert "initContainers" not in pod(made)
    # Nobody knows its paths.
    assert engine(made)["readinessProbe"]["tcpSocket"] == {"port": "http"}
    assert variables(made)["OLLAMA_HOST"] == "0.0.0.0:11434"


def test_an_image_of_the_user_is_started_as_the_engine_s_own() -> None:
    made = started("vllm", more=", image: registry.example.com/vllm:9")
    assert engine(made)["image"] == "registry.example.com/vllm:9"
    assert engine(made)["command"][:2] == ["vllm", "serve"]


def test_a_custom_image_is_left_to_start_by_itself() -> None:
    container = engine(started("custom", more=", image: registry.example.com/checker:1"))
    assert not {"command", "args"} & set(container)


def test_variables_of_the_user_win_but_not_over_where_the_engine_listens() -> None:
    env = "[{name: HF_HOME, value: /elsewhere}, {name: PORT, value: '1'}, {name: EMPTY}]"
    made = started("vllm", more=f", env: {env}")
    told = variables(made)
    assert (told["HF_HOME"], told["PORT"], told["EMPTY"]) == ("/elsewhere", "8000", "")
    names = [it["name"] for it in engine(made)["env"]]
    assert len(set(names)) == len(names)
    assert {"name": "EMPTY"} in engine(made)["env"]


def test_a_variable_may_come_from_a_secret_or_a_config_map() -> None:
    entry = "{name: n, key: k}"
    env = f"[{{name: A, valueFrom: {{secretKeyRef: {entry}}}}}, {{name: B, valueFrom: {{configMapKeyRef: {entry}}}}}]"
    found = {it["name"]: it.get("valueFrom") for it in engine(started("sim", more=f", env: {env}"))["env"]}
    assert found["A"] == {"secretKeyRef": {"name": "n", "key": "k"}}
    assert found["B"] == {"configMapKeyRef": {"name": "n", "key": "k"}}
