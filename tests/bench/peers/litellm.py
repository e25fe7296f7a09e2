"""LiteLLM's proxy as its documentation wants it in production: one worker on one core, a key, no database."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.bodies import MODEL
from tests.bench.peers.environment import program, version
from tests.bench.served import free_port, served
from tests.bench.traffic import Target

NAME = "LiteLLM"
KEY = "sk-bench"
SETTINGS = {
    "LITELLM_MODE": "PRODUCTION",
    "LITELLM_LOG": "ERROR",
    # Else it asks a host on the internet for prices when it starts.
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
}


@contextmanager
def litellm(folder: Path, engine: str) -> Iterator[Target]:
    """Raises Missing."""
    command = program("litellm")
    config = folder / "config.yaml"
    config.write_text(json.dumps(_config(engine)))
    port = free_port()
    settings = [f"{name}={value}" for name, value in SETTINGS.items()]
    options = ["--config", str(config), "--host", "127.0.0.1", "--port", str(port), "--num_workers", "1"]
    with served(["env", *settings, *command, *options, "--telemetry", "False"], folder, port) as pid:
        yield Target(NAME, f"127.0.0.1:{port}", pid, key=KEY, version=version("litellm"))


def _config(engine: str) -> dict[str, object]:
    to = {"model": f"openai/{MODEL}", "api_base": f"http://{engine}/v1", "api_key": "none"}
    return {
        "model_list": [{"model_name": MODEL, "litellm_params": to}],
        "general_settings": {"master_key": KEY},
        "litellm_settings": {"telemetry": False, "set_verbose": False},
    }
