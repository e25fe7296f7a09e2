"""vLLM: models from Hugging Face, from folders and from buckets, on NVIDIA's GPUs and on CPUs."""

from typing import Final

from modelfleet.api.hardwareclass.spec import Family
from modelfleet.workloads.engine import ANYWHERE, BUCKETS, FOLDERS, PYTHON, Engine, Flag, Start, Task, size

PORT: Final = 8000


def start(task: Task) -> Start:
    """`vllm serve`; what the image starts by itself has changed from version to version."""
    weights = task.weights
    model = weights.path or (weights.source if weights.scheme in BUCKETS else weights.place) or task.name
    flags = (
        Flag("--host", ANYWHERE),
        Flag("--port", str(PORT)),
        Flag("--served-model-name", task.name),
        # The image has it. Weights go from the bucket to the device, and need no room on the node.
        *((Flag("--load-format", "runai_streamer"),) if weights.scheme in BUCKETS else ()),
        *size("--tensor-parallel-size", task.devices if task.devices > 1 else None, "-tp"),
        *size("--max-model-len", task.context),
    )
    return Start(("vllm", "serve", model), flags, (*PYTHON, ("VLLM_NO_USAGE_STATS", "1")))


ENGINE = Engine(
    port=PORT,
    takes=BUCKETS | FOLDERS | {"", "hf"},
    start=start,
    images={
        Family.GPU: "vllm/vllm-openai:v0.28.0",
        Family.CPU: "vllm/vllm-openai-cpu:v0.28.0",
    },
    health="/health",
    metric="vllm:num_requests_running",
    # The image starts as root, and has this user for those who do not want that; it can write where group 0 can.
    user=2000,
    group=0,
)
