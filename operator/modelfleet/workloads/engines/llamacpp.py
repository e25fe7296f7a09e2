"""llama.cpp: models in one file, GGUF, on nearly anything."""

from typing import Final

from modelfleet.api.enums import Work
from modelfleet.api.hardwareclass.spec import Family
from modelfleet.workloads.engine import ANYWHERE, CACHE, Engine, Flag, Start, Task, size
from modelfleet.workloads.weights import Weights

PORT: Final = 8080
IMAGES: Final = "ghcr.io/ggml-org/llama.cpp"
BUILD: Final = "b10731"
MODES: Final = {Work.EMBEDDING: "--embedding", Work.RERANKING: "--reranking"}
"""Work that it refuses unless it was started for it."""


def start(task: Task) -> Start:
    """Its server, by its path: it is not on the image's PATH."""
    slots = task.concurrency
    # Slots of a given number share the context evenly; those that it counts for itself each may use all of it.
    context = task.context * (slots or 1) if task.context else None
    flags = (
        Flag("--host", ANYWHERE),
        Flag("--port", str(PORT)),
        Flag("--alias", task.name, ("-a",)),
        *_weights(task.weights),
        *size("--ctx-size", context, "-c"),
        *size("--parallel", slots, "-np"),
        *((Flag(MODES[task.work]),) if task.work in MODES else ()),
        Flag("--metrics"),
    )
    return Start(("/app/llama-server",), flags, (("LLAMA_CACHE", f"{CACHE}/llama.cpp"),))


def _weights(weights: Weights) -> tuple[Flag, ...]:
    if weights.path:
        return (Flag("-m", weights.path, ("--model",)),)
    match weights.scheme:
        case "hf":
            return (Flag("-hf", weights.place, ("-hfr", "--hf-repo")),)
        case "https":
            return (Flag("-mu", weights.source, ("--model-url",)),)
        case _:
            return ()


ENGINE = Engine(
    port=PORT,
    # An image is a folder, and it wants to know the file.
    takes=frozenset({"", "hf", "https", "pvc", "file"}),
    start=start,
    images={Family.GPU: f"{IMAGES}:server-cuda-{BUILD}", Family.CPU: f"{IMAGES}:server-{BUILD}"},
    # 503 while the weights are loaded.
    health="/health",
    metric="llamacpp:requests_processing",
)
