"""Text Generation Inference: models from Hugging Face and from folders, on NVIDIA's GPUs and on CPUs."""

from typing import Final

from modelfleet.api.hardwareclass.spec import Family
from modelfleet.workloads.engine import ANYWHERE, CACHE, FOLDERS, PYTHON, Engine, Flag, Start, Task, size

PORT: Final = 8080
"""The image's own is 80, which only root may listen on."""
IMAGE: Final = "ghcr.io/huggingface/text-generation-inference:3.3.4"


def start(task: Task) -> Start:
    """Its launcher. It takes no flag twice."""
    flags = (
        Flag("--model-id", task.weights.path or task.weights.place or task.name),
        # It would read HOSTNAME, which in a pod is the pod's name.
        Flag("--hostname", ANYWHERE),
        Flag("--port", str(PORT), ("-p",)),
        *size("--num-shard", task.devices if task.devices > 1 else None),
        # The longest prompt has to leave room for an answer, and is not derived from the context.
        *size("--max-input-tokens", max(1, task.context - 1) if task.context else None, "--max-input-length"),
        *size("--max-total-tokens", task.context),
        *((Flag("--cuda-graphs", "0"),) if task.family is Family.CPU else ()),
    )
    # The image has its cache in /data, which is the image's.
    cache = ("HUGGINGFACE_HUB_CACHE", f"{CACHE}/huggingface/hub")
    return Start(("text-generation-launcher",), flags, (*PYTHON, cache))


ENGINE = Engine(
    port=PORT,
    takes=FOLDERS | {"", "hf"},
    start=start,
    images={Family.GPU: IMAGE, Family.CPU: f"{IMAGE}-intel-cpu"},
    health="/health",
    metric="tgi_batch_current_size",
)
