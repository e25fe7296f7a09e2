"""What keeps a pod from doing its part, in a sentence: who wrote the model's spec never has to look at pods."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from modelfleet.findings import Condition, Key, Reason
from modelfleet.fleet.labels import MODEL
from modelfleet.fleet.raw import condition, count, mapping, mappings, text, words


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why something that was made for a model does not do its part, and which condition of the model says so."""

    condition: Condition
    reason: Reason
    message: str


PULL = frozenset(
    {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "RegistryUnavailable"}
    | {"ImageInspectError", "SignatureValidationFailed"}
)
CONFIG = frozenset(
    {"CreateContainerConfigError", "CreateContainerError", "RunContainerError"}
    | {"PreCreateHookError", "PreStartHookError", "PostStartHookError"}
)
"""What the kubelet says of a container that it cannot make of what the pod asks for."""
BACK_OFF = "CrashLoopBackOff"
KILLED = "OOMKilled"
VOLUMES = ("persistentvolume", "persistent volume")
CODES = {126: ", the command may not be run", 127: ", the command is not in the image"}


@dataclass(frozen=True, slots=True)
class _Container:
    """A container of a pod, as its status has it."""

    pod: Key
    model: str
    status: Mapping[str, Any]
    is_first: bool
    """Whether it runs before the others, as an init container does."""
    memory: str
    """The limit on its memory, empty where there is none."""

    @property
    def name(self) -> str:
        kind = "init container" if self.is_first else "container"
        return f'{kind} "{words(self.status.get("name"))}"'

    @property
    def waiting(self) -> Mapping[str, Any]:
        return mapping(mapping(self.status.get("state")).get("waiting"))

    @property
    def ended(self) -> Mapping[str, Any]:
        """How it ended: this time, or the time before."""
        states = (mapping(self.status.get(name)) for name in ("state", "lastState"))
        return next((mapping(state["terminated"]) for state in states if state.get("terminated")), {})


def pod_trouble(pod: Key, raw: Mapping[str, Any]) -> Trouble | None:
    """What is wrong with a pod that is not ready, None where it only needs time."""
    status = mapping(raw.get("status"))
    if status.get("phase") == "Failed":
        return _failed(status)
    found = (trouble for container in _containers(pod, raw) if (trouble := _of_container(container)))
    return _unscheduled(status) or next(found, None)


def _failed(status: Mapping[str, Any]) -> Trouble:
    reason, said = words(status.get("reason")), words(status.get("message"))
    if reason == "Evicted":
        return Trouble(Condition.AVAILABLE, Reason.EVICTED, f"its node evicted it: {said or 'no reason is given'}")
    why = ": ".join(part for part in (reason, said) if part)
    return Trouble(Condition.AVAILABLE, Reason.POD_FAILED, f"it ended for good: {why or 'no reason is given'}")


def _unscheduled(status: Mapping[str, Any]) -> Trouble | None:
    scheduled = condition(status, "PodScheduled")
    if scheduled.get("status") != "False" or not scheduled.get("reason"):
        return None
    said = words(scheduled.get("message")) or words(scheduled.get("reason"))
    volumes = any(word in said.lower() for word in VOLUMES)
    reason = Reason.VOLUME_PENDING if volumes else Reason.UNSCHEDULABLE
    return Trouble(Condition.PLACED, reason, f"the scheduler says: {said}")


def _containers(pod: Key, raw: Mapping[str, Any]) -> Iterator[_Container]:
    metadata, spec, status = (mapping(raw.get(part)) for part in ("metadata", "spec", "status"))
    model = words(mapping(metadata.get("labels")).get(MODEL))
    limits = {text(one.get("name")): _memory(one) for one in mappings(spec.get("containers"))}
    for field, is_first in (("initContainerStatuses", True), ("containerStatuses", False)):
        for one in mappings(status.get(field)):
            yield _Container(pod, model, one, is_first, limits.get(text(one.get("name")), ""))


def _memory(container: Mapping[str, Any]) -> str:
    return words(mapping(mapping(container.get("resources")).get("limits")).get("memory"))


def _of_container(container: _Container) -> Trouble | None:
    reason, said = text(container.waiting.get("reason")), words(container.waiting.get("message"))
    if reason in PULL:
        image = words(container.status.get("image"))
        message = f'{container.name} cannot get its image "{image}": {said or reason}; correct spec.engine.image, or'
        return Trouble(
            Condition.AVAILABLE, Reason.IMAGE_PULL_FAILED, f"{message} let the nodes reach and read the registry"
        )
    if reason in CONFIG:
        message = f"{container.name} cannot be started: {said or reason}"
        return Trouble(
            Condition.AVAILABLE, Reason.CONFIG_ERROR, f"{message}; correct spec.engine, or add what is missing"
        )
    if container.status.get("ready") is True:
        return None
    ended = container.ended
    if reason == BACK_OFF or ended.get("reason") == KILLED or count(ended.get("exitCode")):
        return _crash(container, ended)
    return None


def _crash(container: _Container, ended: Mapping[str, Any]) -> Trouble:
    again = f", started again {count(container.status.get('restartCount'))} times"
    if ended.get("reason") == KILLED:
        limit = f" of {container.memory}" if container.memory else ""
        message = f"{container.name} was killed for taking more memory than its limit{limit}{again}: give the unit of"
        return Trouble(
            Condition.AVAILABLE,
            Reason.OUT_OF_MEMORY,
            f"{message} its HardwareClass more memory, take more units, or have the engine load less",
        )
    code = ended.get("exitCode")
    how = f"ended with exit code {count(code)}{CODES.get(count(code), '')}" if count(code, -1) >= 0 else "ended"
    said = f" ({last})" if (last := words(ended.get("message"))) else ""
    name = words(container.status.get("name"))
    log = f"kubectl logs -n {words(container.pod.namespace)} -l {MODEL}={container.model} -c {name} --previous"
    reason = Reason.INIT_FAILED if container.is_first else Reason.CRASH_LOOP
    return Trouble(Condition.AVAILABLE, reason, f"{container.name} {how}{said}{again}: `{log}` shows its last words")
