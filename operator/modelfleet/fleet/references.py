"""References that must close: to a class of hardware, to a model, to the entry of a Secret or ConfigMap."""

from collections.abc import Collection, Iterator
from difflib import get_close_matches

from modelfleet.api.hardwareclass.kind import HardwareClass
from modelfleet.api.modeldeployment.engine import EntryRef
from modelfleet.api.modeldeployment.kind import ModelDeployment
from modelfleet.api.resource import Resource
from modelfleet.api.routingpolicy.kind import RoutingPolicy
from modelfleet.findings import Condition, Finding, Key, Path, Reason
from modelfleet.fleet.snapshot import FleetSnapshot

MOST_TO_COMPARE = 200
"""Among more names than these nobody looks for the nearest: it would take longer than all the rest."""


def check_references(snapshot: FleetSnapshot) -> Iterator[Finding]:
    """Every reference that does not close, or may not be made; what could not be read is not missing."""
    for model in snapshot.models.values():
        yield from _classes(model, snapshot)
        for path, kind, entry in _entries(model):
            if kind not in snapshot.unknown:
                yield from _entry(model.key, path, Key(kind, model.key.namespace, entry.name), entry.key, snapshot)
    for policy in snapshot.policies.values():
        yield from _models(policy, snapshot)
        for path, secret in _key_secrets(policy) if "Secret" not in snapshot.unknown else ():
            yield from _secret(policy.key, path, Key("Secret", policy.key.namespace, secret), snapshot)


def referred_holders(snapshot: FleetSnapshot) -> frozenset[Key]:
    """The Secrets and ConfigMaps that are referred to."""
    resources = (*snapshot.models.values(), *snapshot.policies.values())
    return frozenset(key for resource in resources for key in holders_of(resource))


def holders_of_gateways(snapshot: FleetSnapshot) -> frozenset[Key]:
    """Those of them that gateways need, and not only engines: who programs gateways has no business with the others."""
    models = frozenset(
        Key("Secret", model.key.namespace, external.credentials.secret_ref.name)
        for model in snapshot.models.values()
        if (external := model.spec.external) and external.credentials and external.credentials.secret_ref
    )
    return models.union(*(holders_of(policy) for policy in snapshot.policies.values()))


def holders_of(resource: Resource) -> frozenset[Key]:
    """The Secrets and ConfigMaps that an object refers to."""
    namespace = resource.key.namespace
    if isinstance(resource, ModelDeployment):
        return frozenset(Key(kind, namespace, entry.name) for _, kind, entry in _entries(resource))
    if isinstance(resource, RoutingPolicy):
        return frozenset(Key("Secret", namespace, name) for _, name in _key_secrets(resource))
    return frozenset()


def referred_kinds(resource: Resource) -> frozenset[str]:
    """The kinds that an object refers to, which it cannot be judged without."""
    if isinstance(resource, ModelDeployment):
        classes = {"HardwareClass"} if resource.spec.placement else set()
        return frozenset(classes | {kind for _, kind, _ in _entries(resource)})
    if isinstance(resource, RoutingPolicy):
        secrets = {"Secret" for _ in _key_secrets(resource)}
        return frozenset({"ModelDeployment"} | secrets)
    return frozenset()


def _classes(model: ModelDeployment, snapshot: FleetSnapshot) -> Iterator[Finding]:
    if "HardwareClass" in snapshot.unknown:
        return
    choices = model.spec.placement.classes if model.spec.placement else ()
    for index, choice in enumerate(choices):
        path: Path = ("spec", "placement", "classes", index, "name")
        target, found = Key("HardwareClass", "", choice.name), snapshot.classes.get(choice.name)
        if target not in snapshot.declared:
            yield _open(model.key, path, Reason.HARDWARE_CLASS_NOT_FOUND, target, snapshot)
        elif found and not _allows(found, model.key.namespace):
            message = (
                f'HardwareClass "{choice.name}" does not allow namespace "{model.key.namespace}": have it added to'
            )
            yield _finding(
                model.key, path, Reason.REF_NOT_PERMITTED, f"{message} its allowedNamespaces, or choose another"
            )


def _allows(hardware: HardwareClass, namespace: str) -> bool:
    return hardware.spec.allowed_namespaces is None or namespace in hardware.spec.allowed_namespaces


def _models(policy: RoutingPolicy, snapshot: FleetSnapshot) -> Iterator[Finding]:
    if "ModelDeployment" in snapshot.unknown:
        return
    for path, name in model_references(policy):
        target = Key("ModelDeployment", policy.key.namespace, name)
        if target not in snapshot.declared:
            yield _open(policy.key, path, Reason.MODEL_NOT_FOUND, target, snapshot)


def model_references(policy: RoutingPolicy) -> Iterator[tuple[Path, str]]:
    """Every place where the policy names a model, and the name."""
    for number, tier in enumerate(policy.spec.tiers):
        for index, model in enumerate(tier.models):
            yield ("spec", "tiers", number, "models", index, "name"), model.name
    for number, rule in enumerate(policy.spec.rules or ()):
        for index, model in enumerate(rule.models or ()):
            yield ("spec", "rules", number, "models", index, "name"), model.name
    for number, shadow in enumerate(policy.spec.shadow or ()):
        yield ("spec", "shadow", number, "model"), shadow.model


def _entries(model: ModelDeployment) -> Iterator[tuple[Path, str, EntryRef]]:
    external, engine = model.spec.external, model.spec.engine
    if external and external.credentials and external.credentials.secret_ref:
        yield ("spec", "external", "credentials", "secretRef"), "Secret", external.credentials.secret_ref
    for index, variable in enumerate((engine and engine.env) or ()):
        path: Path = ("spec", "engine", "env", index, "valueFrom")
        source = variable.value_from
        if source and source.secret_key_ref:
            yield (*path, "secretKeyRef"), "Secret", source.secret_key_ref
        if source and source.config_map_key_ref:
            yield (*path, "configMapKeyRef"), "ConfigMap", source.config_map_key_ref


def _key_secrets(policy: RoutingPolicy) -> Iterator[tuple[Path, str]]:
    access = policy.spec.access
    for index, secret in enumerate(access.api_keys.secret_refs if access and access.api_keys else ()):
        yield ("spec", "access", "apiKeys", "secretRefs", index, "name"), secret.name


def _entry(subject: Key, path: Path, target: Key, entry: str, snapshot: FleetSnapshot) -> Iterator[Finding]:
    names = snapshot.entries.get(target)
    if names is None:
        yield from _secret(subject, (*path, "name"), target, snapshot)
    elif entry not in names:
        message = (
            f'{target.kind} "{target.name}" has no entry "{entry}"{_hint(entry, names)}: correct the key, or add it'
        )
        yield _finding(subject, (*path, "key"), Reason.SECRET_NOT_FOUND, message)


def _secret(subject: Key, path: Path, target: Key, snapshot: FleetSnapshot) -> Iterator[Finding]:
    if target in snapshot.forbidden:
        message = f'{target.kind} "{target.name}" may not be read ({snapshot.forbidden[target]}): have the operator'
        fix = "given the right to get it, or its namespace added to --secrets-namespace"
        yield _finding(subject, path, Reason.SECRET_NOT_READABLE, f"{message} {fix}")
    elif target not in snapshot.unread and _is_missing(target, snapshot):
        yield _open(subject, path, Reason.SECRET_NOT_FOUND, target, snapshot)


def _is_missing(target: Key, snapshot: FleetSnapshot) -> bool:
    # Secrets often live elsewhere than the manifests; only where a namespace has some can one be found missing there.
    given = any(key[:2] == target[:2] for key in snapshot.entries)
    return target in snapshot.absent or (given and not any(_makes(key, target) for key in snapshot.entries))


def _makes(key: Key, target: Key) -> bool:
    """Whether the object is the target, or what another controller makes it of: an ExternalSecret, a SealedSecret."""
    return key[1:] == target[1:] and key.kind.endswith(target.kind)


def _open(subject: Key, path: Path, reason: Reason, target: Key, snapshot: FleetSnapshot) -> Finding:
    names = [key.name for key in (*snapshot.declared, *snapshot.entries) if key[:2] == target[:2]]
    message = f'no {target.kind} "{target.name}" is declared{_hint(target.name, names)}: correct the name, or add it'
    return _finding(subject, path, reason, message)


def _hint(name: str, names: Collection[str]) -> str:
    if len(names) > MOST_TO_COMPARE:
        return ""
    close = get_close_matches(name, sorted(names), n=1, cutoff=0.75)
    return f' (did you mean "{close[0]}"?)' if close else ""


def _finding(subject: Key, path: Path, reason: Reason, message: str) -> Finding:
    return Finding(subject, path, reason, message, condition=Condition.RESOLVED_REFS)
