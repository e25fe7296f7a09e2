"""Triton: a repository of models in its own layout, served by its OpenAI-compatible frontend."""

from typing import Final

from modelfleet.api.hardwareclass.spec import Family
from modelfleet.workloads.engine import ANYWHERE, FOLDERS, PYTHON, Engine, Flag, Start, Task

PORT: Final = 9000
FRONTEND: Final = "/opt/tritonserver/python/openai/openai_frontend/main.py"


def start(task: Task) -> Start:
    """The frontend: tritonserver by itself speaks KServe's protocol, which no gateway of ours does."""
    weights = task.weights
    repository = weights.path or weights.source
    flags = (
        *((Flag("--model-repository", repository),) if repository else ()),
        Flag("--host", ANYWHERE),
        Flag("--openai-port", str(PORT)),
    )
    return Start(("python3", FRONTEND), flags, PYTHON)


ENGINE = Engine(
    port=PORT,
    takes=FOLDERS | {"s3", "gs"},
    start=start,
    images={Family.GPU: "nvcr.io/nvidia/tritonserver:26.05-vllm-python-py3"},
    health="/health/ready",
    # Its gauge counts requests that wait, and the backends name those that run each in their own way.
    metric="",
    # `triton-server` in the image.
    user=1000,
    group=1000,
)
