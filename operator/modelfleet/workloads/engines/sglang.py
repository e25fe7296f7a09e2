"""SGLang: models from Hugging Face, from folders and from buckets, on NVIDIA's GPUs."""

from typing import Final

from modelfleet.api.enums import Work
from modelfleet.api.hardwareclass.spec import Family
from modelfleet.workloads.engine import ANYWHERE, BUCKETS, FOLDERS, PYTHON, Engine, Flag, Start, Task, size

PORT: Final = 30000


def start(task: Task) -> Start:
    """Its server; the image itself starts a shell."""
    weights = task.weights
    model = weights.path or (weights.source if weights.scheme in BUCKETS else weights.place) or task.name
    flags = (
        Flag("--model-path", model, ("--model",)),
        Flag("--host", ANYWHERE),
        Flag("--port", str(PORT)),
        Flag("--served-model-name", task.name),
        Flag("--enable-metrics"),
        *size("--tp-size", task.devices if task.devices > 1 else None, "--tp", "--tensor-parallel-size"),
        *size("--context-length", task.context),
        *((Flag("--is-embedding"),) if task.work in (Work.EMBEDDING, Work.RERANKING) else ()),
    )
    return Start(("python3", "-m", "sglang.launch_server"), flags, PYTHON)


ENGINE = Engine(
    port=PORT,
    takes=BUCKETS | FOLDERS | {"", "hf"},
    start=start,
    images={Family.GPU: "lmsysorg/sglang:v0.5.15"},
    # It answers 503 until the weights are loaded. /health_generate would run a request for each look.
    health="/health",
    metric="sglang:num_running_reqs",
)
