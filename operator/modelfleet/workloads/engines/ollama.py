"""Ollama: models from its own library, from Hugging Face, or from a store of its own form on a claim."""

from typing import Final

from modelfleet.api.hardwareclass.spec import Family
from modelfleet.workloads.engine import ANYWHERE, CACHE, Engine, Start, Task

PORT: Final = 11434
IMAGE: Final = "ollama/ollama:0.32.6"
FETCH: Final = """\
ollama serve &
until ollama list >/dev/null 2>&1; do kill -0 $! || exit 1; sleep 1; done
ollama pull "$1" && { [ "$1" = "$2" ] || ollama cp "$1" "$2"; }
"""
"""Only its server can fetch a model, and it serves before the model is there, so that is done before it serves."""


def start(task: Task) -> Start:
    """Its server, after the model was fetched and given the name that it is asked for by."""
    env = [
        ("OLLAMA_HOST", f"{ANYWHERE}:{PORT}"),
        # What is loaded stays loaded: a replica is there for one model, and loading takes longer than a request.
        ("OLLAMA_KEEP_ALIVE", "-1"),
    ]
    if task.weights.path:
        # It would remove from the store what it takes for left over, and the store is not its own.
        env += [("OLLAMA_MODELS", task.weights.path), ("OLLAMA_NOPRUNE", "1")]
    else:
        env.append(("OLLAMA_MODELS", f"{CACHE}/ollama"))
    if task.context:
        env.append(("OLLAMA_CONTEXT_LENGTH", str(task.context)))
    if task.concurrency:
        env.append(("OLLAMA_NUM_PARALLEL", str(task.concurrency)))
    return Start(("ollama", "serve"), env=tuple(env), first=_first(task))


def _first(task: Task) -> tuple[str, ...]:
    if task.weights.path:
        return ()
    wanted = f"hf.co/{task.weights.place}" if task.weights.scheme == "hf" else task.name
    return ("/bin/sh", "-c", FETCH, "fetch", wanted, task.name)


ENGINE = Engine(
    port=PORT,
    takes=frozenset({"", "hf", "pvc"}),
    start=start,
    images={Family.GPU: IMAGE, Family.CPU: IMAGE},
    health="/api/version",
)
