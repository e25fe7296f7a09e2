"""The container that the engine runs in: what it is started with, what it may use, and how one sees that it is well."""

from typing import Any, Final

from modelfleet.api.modeldeployment.engine import EnvVar
from modelfleet.workloads.engine import ANYWHERE, CACHE, HTTP, Start
from modelfleet.workloads.quantities import times
from modelfleet.workloads.site import Site
from modelfleet.workloads.weights import FOLDER, VOLUME

NAME: Final = "engine"
DEVICES: Final = "devices"
"""What a pod calls its claim."""

STARTS_WITHIN_S: Final = 1800
"""Half an hour: so long may it take to fetch weights of some hundred gigabytes, to load them, and to compile."""
DRAINS_FIRST_S: Final = 10
"""A pod that is to go hears of it when the gateways do, and they take a moment until they ask others."""

_STARTUP: Final = {"periodSeconds": 10, "timeoutSeconds": 5, "failureThreshold": STARTS_WITHIN_S // 10}
_READINESS: Final = {"periodSeconds": 5, "timeoutSeconds": 5, "failureThreshold": 3}
# An engine that is busy answers late, and what it would take to load its weights again is worse than that: only one
# that is mute for two minutes is started anew.
_LIVENESS: Final = {"periodSeconds": 20, "timeoutSeconds": 10, "failureThreshold": 6}

RESTRICTED: Final[dict[str, Any]] = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": True,
}
MOUNTS: Final = {"tmp": "/tmp", "cache": CACHE, "shm": "/dev/shm"}  # noqa: S108 - volumes of the pod's own
"""What an engine may write to. The rest of its image it may only read."""


def engine_container(site: Site) -> dict[str, Any]:
    """The container of the engine."""
    start = site.start
    args = start.arguments(site.chosen.args or ())
    return {
        "name": NAME,
        "image": site.image,
        **({"command": list(start.command)} if start.command else {}),
        **({"args": list(args)} if args else {}),
        "ports": [{"name": HTTP, "containerPort": site.engine.port, "protocol": "TCP"}],
        "env": _environment(site, start),
        **_resources(site, claims=True),
        **_probes(site),
        # The kubelet itself waits: not every image has a program that could.
        "lifecycle": {"preStop": {"sleep": {"seconds": DRAINS_FIRST_S}}},
        **_confines(site),
    }


def first_container(site: Site) -> dict[str, Any] | None:
    """What fetches the weights before the engine starts, None where that needs nobody. It needs no device."""
    start = site.start
    if not start.first:
        return None
    return {
        "name": "weights",
        "image": site.image,
        "command": list(start.first),
        "env": _environment(site, start),
        **_resources(site, claims=False),
        **_confines(site),
    }


def _confines(site: Site) -> dict[str, Any]:
    mounts: list[dict[str, Any]] = [{"name": volume, "mountPath": path} for volume, path in MOUNTS.items()]
    if site.weights.volume:
        mounts.append({"name": VOLUME, "mountPath": FOLDER, "readOnly": True})
    return {
        # What it said last is then told by the model's status, once it has crashed.
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": RESTRICTED,
        "volumeMounts": mounts,
    }


def _environment(site: Site, start: Start) -> list[dict[str, Any]]:
    """What we set, then what the user sets, which wins; but where it listens is not the user's to say."""
    place = {"HOST": ANYWHERE, "PORT": str(site.engine.port)}
    ours = {"HOME": CACHE, **dict(start.env)}
    found = {name: _plain(name, value) for name, value in {**place, **ours}.items()}
    found |= {one.name: _variable(one) for one in site.chosen.env or () if one.name not in place}
    return list(found.values())


def _plain(name: str, value: str) -> dict[str, Any]:
    # An empty value is stored as none.
    return {"name": name, "value": value} if value else {"name": name}


def _variable(variable: EnvVar) -> dict[str, Any]:
    source = variable.value_from
    if source is None:
        return _plain(variable.name, variable.value or "")
    return {"name": variable.name, "valueFrom": source.model_dump(mode="json", by_alias=True, exclude_none=True)}


def _probes(site: Site) -> dict[str, Any]:
    # Where the command is the user's, so are its paths.
    path = "" if site.chosen.command else site.engine.health
    look: dict[str, Any] = {"httpGet": {"path": path, "port": HTTP}} if path else {"tcpSocket": {"port": HTTP}}
    return {
        "startupProbe": {**look, **_STARTUP},
        "readinessProbe": {**look, **_READINESS},
        "livenessProbe": {**look, **_LIVENESS},
    }


def _resources(site: Site, *, claims: bool) -> dict[str, Any]:
    unit = site.hardware and site.hardware.spec.unit
    if not unit:
        return {}
    amounts = {name: times(amount, site.units) for name, amount in sorted((unit.resources or {}).items())}
    if not claims:
        amounts = {name: amount for name, amount in amounts.items() if "/" not in name}
    # Without a limit on the processor: what neighbours leave idle may be used, and to be throttled costs latency
    # where a request is being answered. Memory that is not there is another matter: it is asked for and bounded alike.
    limits = {name: amount for name, amount in amounts.items() if name != "cpu"}
    found: dict[str, Any] = {"requests": amounts} if amounts else {}
    found |= {"limits": limits} if limits else {}
    found |= {"claims": [{"name": DEVICES}]} if claims and site.claim else {}
    return {"resources": found} if found else {}
