"""Where weights come from, and what is said of a source that an engine cannot take."""

import pytest

from tests.support.documents import hardware_class
from tests.unit.workloads.made import children, engine, flag, pod, told, variables

GPU = hardware_class()
ON = "placement: {classes: [{name: gpu}]}"


def spec(engine: str, source: str, more: str = "") -> str:
    return f"{{engine: {{name: {engine}{more}}}, model: {{name: m, source: '{source}'}}, {ON}}}"


def test_a_claim_is_mounted_so_that_nobody_can_change_it() -> None:
    made = children(spec("vllm", "pvc://models/llama/8b"))
    assert pod(made)["volumes"][-1] == {
        "name": "weights",
        "persistentVolumeClaim": {"claimName": "models", "readOnly": True},
    }
    assert engine(made)["volumeMounts"][-1] == {"name": "weights", "mountPath": "/weights", "readOnly": True}
    assert engine(made)["command"][-1] == "/weights/llama/8b"
    assert engine(children(spec("vllm", "pvc://models")))["command"][-1] == "/weights"


def test_an_image_of_weights_is_mounted() -> None:
    made = children(spec("sglang", "oci://registry.example.com/weights:1"))
    assert pod(made)["volumes"][-1] == {"name": "weights", "image": {"reference": "registry.example.com/weights:1"}}
    assert flag(made, "--model-path") == "/weights"


def test_an_engine_that_fetches_weights_is_told_from_where() -> None:
    assert engine(children(spec("vllm", "hf://a/b")))["command"][-1] == "a/b"
    assert engine(children(spec("vllm", "s3://bucket/a")))["command"][-1] == "s3://bucket/a"
    assert flag(children(spec("llamacpp", "hf://a/b:Q4")), "-hf") == "a/b:Q4"
    assert flag(children(spec("llamacpp", "https://example.com/a.gguf")), "-mu") == "https://example.com/a.gguf"
    assert flag(children(spec("tgi", "hf://a/b")), "--model-id") == "a/b"


def test_a_store_of_ollama_on_a_claim_is_served_and_never_tidied() -> None:
    made = children(spec("ollama", "pvc://models/store"))
    assert "initContainers" not in pod(made)
    assert (variables(made)["OLLAMA_MODELS"], variables(made)["OLLAMA_NOPRUNE"]) == ("/weights/store", "1")


TAKEN = [
    ("vllm", "az://container/a"),
    ("sglang", "gs://bucket/a"),
    ("triton", "s3://bucket/repository"),
    ("sim", "s3://bucket/a"),
    ("custom, image: 'a:1'", "https://example.com/a"),
]


@pytest.mark.parametrize(("engine", "source"), TAKEN)
def test_what_an_engine_can_take_is_no_finding(engine: str, source: str) -> None:
    assert told(spec(engine, source)) == []


@pytest.mark.parametrize(
    ("engine", "source", "words"),
    [
        (
            "vllm",
            "https://example.com/a",
            "vllm cannot take https://: give az://, file://, gs://, hf://, oci://, pvc://",
        ),
        ("llamacpp", "oci://example.com/a:1", "llamacpp cannot take oci://"),
        ("llamacpp", "s3://bucket/a.gguf", "give file://, hf://, https:// or pvc://, or an engine.command"),
        ("ollama", "https://example.com/a", "ollama cannot take https://: give hf:// or pvc://"),
        ("triton", "hf://a/b", "triton cannot take hf://"),
        ("tgi", "az://container/a", "tgi cannot take az://"),
        ("sglang", "https://example.com/a", "sglang cannot take https://"),
        ("vllm", "pvc:///a", "names no claim: write pvc://CLAIM/PATH"),
        ("vllm", "file:///models/a", "is a path in the engine's image, and the public one has no weights in it"),
    ],
)
def test_what_an_engine_cannot_take_is_refused_with_what_it_can(engine: str, source: str, words: str) -> None:
    (said,) = told(spec(engine, source))
    assert said.startswith("spec.model.source: ")
    assert words in said


def test_a_path_in_an_image_of_one_s_own_is_a_source() -> None:
    change = spec("vllm", "file:///models/a", ", image: registry.example.com/with-weights:1")
    assert told(change) == []
    assert engine(children(change))["command"][-1] == "/models/a"


def test_whoever_names_the_command_says_in_it_where_the_weights_are() -> None:
    assert told(spec("vllm", "https://example.com/a", ", command: [/serve]")) == []


def test_triton_does_not_know_what_to_serve_without_a_repository() -> None:
    (said,) = told(f"{{engine: {{name: triton}}, {ON}}}")
    assert "spec.model.source: is missing" in said
    assert told(f"{{engine: {{name: triton, args: [--model-repository=/models]}}, {ON}}}") == []


@pytest.mark.parametrize(
    "unit",
    ["{family: accelerator, unit: {resources: {google.com/tpu: 4}}}", "{unit: {resources: {amd.com/gpu: 1}}}"],
)
def test_hardware_that_no_public_image_is_for_wants_an_image(unit: str) -> None:
    other = hardware_class(unit)
    (said,) = told(f"{{engine: {{name: vllm}}, {ON}}}", other)
    assert said.startswith('spec.engine.image: modelfleet knows no image of vllm for HardwareClass "gpu": add one')
    assert told(f"{{engine: {{name: vllm, image: 'a:1'}}, {ON}}}", other) == []
    assert told(f"{{engine: {{name: sim}}, {ON}}}", other) == []


def test_an_engine_that_is_made_for_gpus_wants_a_class_or_an_image() -> None:
    (said,) = told("{engine: {name: sglang}}")
    assert "name in spec.placement.classes where it is to run" in said
    assert told("{engine: {name: vllm}}") == []


def test_a_command_alone_is_enough_on_one_machine_and_not_in_a_cluster() -> None:
    (said,) = told("{engine: {name: custom, command: [/serve]}}")
    assert said.startswith("spec.engine.image: a command needs an image to be found in")


def test_of_a_hosted_model_nothing_is_asked() -> None:
    hosted = "{engine: null, external: {url: 'https://api.example.com/v1'}}"
    assert told(hosted) == []
    assert children(hosted) == []
