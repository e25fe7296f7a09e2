"""How the engine of a model is started on this machine, or what is missing for it."""

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from shutil import which
from typing import Final

from modelfleet.api.modeldeployment.engine import Engine, EngineName, EnvVar
from modelfleet.api.modeldeployment.kind import ModelDeployment
from modelfleet.api.modeldeployment.spec import ModelDeploymentSpec
from modelfleet.findings import Key
from modelfleet.fleet.world import Hidden
from modelfleet.workloads.engines.llamacpp import MODES

HOST: Final = "127.0.0.1"
READY_WITHIN_S: Final = 600.0
"""Weights take their time to load."""

_VARIABLE: Final = re.compile(r"\$\(([-._a-zA-Z][-._a-zA-Z0-9]*)\)")
Secrets = Mapping[Key, Mapping[str, Hidden]]


@dataclass(frozen=True, slots=True)
class Launch:
    """What runs one replica. `$(PORT)` in it stands for the port that it is given, as variables do in a pod."""

    command: tuple[str, ...]
    env: tuple[tuple[str, str], ...]
    health: str | None
    """The path that answers 200 when it is ready; without one, a connection is enough."""

    def at(self, port: int, environ: Mapping[str, str]) -> tuple[list[str], dict[str, str]]:
        """The command and the environment for a port."""
        given = {**dict(self.env), "HOST": HOST, "PORT": str(port)}
        values = {name: _expand(value, given) for name, value in given.items()}
        return [_expand(word, values) for word in self.command], {**environ, **values}


@dataclass(frozen=True, slots=True)
class Missing:
    """Why a model cannot run here, and what would change that."""

    reason: str


def plan_launch(model: ModelDeployment, secrets: Secrets) -> Launch | Missing:
    """How a replica of a model with an engine is started here."""
    engine = model.spec.engine
    assert engine is not None
    env = _environment(model.key.namespace, engine.env or (), secrets)
    if isinstance(env, Missing):
        return env
    program = _program(model, engine)
    if isinstance(program, Missing):
        return program
    command, more = program
    health = None if engine.command else HEALTH.get(engine.name)
    return Launch((*command, *(engine.args or ())), (*more, *env), health)


HEALTH: Final = {
    EngineName.SIM: "/health",
    EngineName.LLAMACPP: "/health",
    EngineName.VLLM: "/health",
    EngineName.OLLAMA: "/api/version",
}

_Program = tuple[Sequence[str], Sequence[tuple[str, str]]]


def _program(model: ModelDeployment, engine: Engine) -> _Program | Missing:
    if engine.command:
        absent = Missing(f"{engine.command[0]} is not installed: install it, or correct engine.command")
        return (engine.command, ()) if which(engine.command[0]) else absent
    if engine.name is EngineName.CUSTOM:
        return Missing("it has an image and no command, and no images run here: add engine.command")
    if engine.name not in PROGRAMS:
        return Missing(f"{engine.name} is not started on one machine: add engine.command, or use another engine")
    command, env = PROGRAMS[engine.name](model.spec)
    absent = Missing(f"{command[0]} is not installed: install it, or name it with engine.command")
    return (command, env) if which(command[0]) else absent


def _sim(spec: ModelDeploymentSpec) -> _Program:
    words = (sys.executable, "-m", "modelfleet.engines_sim", "--model", spec.model.name)
    return (*words, "--listen", f"{HOST}:$(PORT)"), ()


def _llamacpp(spec: ModelDeploymentSpec) -> _Program:
    words = ("llama-server", "--host", HOST, "--port", "$(PORT)", "--alias", spec.model.name)
    mode = (MODES[spec.work],) if spec.work in MODES else ()
    return (*words, *_llamacpp_weights(spec.model.source or ""), *mode), ()


def _vllm(spec: ModelDeploymentSpec) -> _Program:
    model = spec.model
    weights = (model.source or model.name).removeprefix("hf://").removeprefix("file://")
    words = ("vllm", "serve", weights, "--host", HOST, "--port", "$(PORT)")
    return (*words, "--served-model-name", model.name), ()


def _ollama(_: ModelDeploymentSpec) -> _Program:
    return ("ollama", "serve"), (("OLLAMA_HOST", f"{HOST}:$(PORT)"),)


PROGRAMS: Final[Mapping[EngineName, Callable[[ModelDeploymentSpec], _Program]]] = {
    EngineName.SIM: _sim,
    EngineName.LLAMACPP: _llamacpp,
    EngineName.VLLM: _vllm,
    EngineName.OLLAMA: _ollama,
}


def _llamacpp_weights(source: str) -> tuple[str, ...]:
    if source.startswith("hf://"):
        return "-hf", source.removeprefix("hf://")
    return ("-m", source.removeprefix("file://")) if source.startswith("file://") else ()


def _environment(
    namespace: str, variables: Sequence[EnvVar], secrets: Secrets
) -> tuple[tuple[str, str], ...] | Missing:
    found = []
    for variable in variables:
        source = variable.value_from
        reference = source and (source.secret_key_ref or source.config_map_key_ref)
        if not source or not reference:
            found.append((variable.name, variable.value or ""))
            continue
        key = Key("Secret" if source.secret_key_ref else "ConfigMap", namespace, reference.name)
        hidden = secrets.get(key, {}).get(reference.key)
        if hidden is None:
            return Missing(
                f'variable {variable.name} needs entry "{reference.key}" of {key}, which is not there: add it'
            )
        found.append((variable.name, hidden.text))
    return tuple(found)


def _expand(text: str, values: Mapping[str, str]) -> str:
    # As Kubernetes does it: what is not known stays as it is.
    return _VARIABLE.sub(lambda match: values.get(match[1], match[0]), text)
