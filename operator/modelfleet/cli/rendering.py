"""What `render` prints, made: the plan of some files, what keeps objects out of it, and the text of its resources."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import yaml

from modelfleet.cli.report import as_text
from modelfleet.compiler import FleetPlan, compile_fleet
from modelfleet.findings import Finding, Key, Reason, Severity, dotted, printable
from modelfleet.fleet.snapshot import FleetSnapshot
from modelfleet.fleet.world import Gateway, Hidden, World
from modelfleet.sources.files import Source
from modelfleet.sources.folder import FolderStore
from modelfleet.sources.review import Review

STAND_IN = Hidden("not-among-the-manifests")
LONGEST_LINE = 120


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be rendered."""

    sources: Sequence[Source]
    namespace: str
    gateway: Gateway


def plan_of(request: Request) -> FleetPlan:
    """The plan of the files as they are, without anything that was in force before."""
    store = FolderStore(request.namespace)
    # An empty stamp is none: an object without one is then as young as lint takes it to be.
    store.observe(request.sources, "")
    snapshot = store.snapshot(World(gateways={request.gateway.name: request.gateway}))
    return compile_fleet(replace(snapshot, world=replace(snapshot.world, secrets=_secrets(snapshot))))


def is_named(gateway: str, plan: FleetPlan) -> bool:
    """Whether a policy that is in force names the gateway."""
    return any(gateway in policy.spec.serves.gateways for policy in plan.in_force.policies.values())


def refusals(review: Review, findings: Iterable[Finding], defects: Iterable[object] = ()) -> Iterator[str]:
    """What keeps objects out, as lint would say it; where lint has no place for it, under the object's name."""
    located = [
        # What cannot be enforced is a warning to lint, and a refusal to whoever serves.
        finding._replace(severity=Severity.ERROR)
        for finding in review.findings
        if finding.severity is Severity.ERROR or finding.reason is Reason.UNSUPPORTED
    ]
    yield from as_text(replace(review, findings=located)).splitlines()
    told = {(finding.subject, finding.reason, finding.path) for finding in located}
    for finding in findings:
        if _refuses(finding) and (finding.subject, finding.reason, dotted(finding.path)) not in told:
            yield printable(f"{finding.subject}: error: {dotted(finding.path)}: {finding.message}")
    for defect in defects:
        yield f"a fault of modelfleet, please report it: {defect}"


def as_yaml(shown: Sequence[dict[str, Any]]) -> str:
    """A document for each resource. What holds nothing but plain values is on one line."""
    return "---\n".join(
        yaml.dump(one, Dumper=_Dumper, sort_keys=False, width=LONGEST_LINE, allow_unicode=True, default_flow_style=None)
        for one in shown
    )


def as_json(gateway: str, shown: Sequence[dict[str, Any]]) -> str:
    """The same for programs; fields may be added."""
    return json.dumps({"gateway": gateway, "resources": shown}, indent=2) + "\n"


def _refuses(finding: Finding) -> bool:
    return finding.severity is Severity.ERROR or finding.reason is Reason.UNSUPPORTED


def _secrets(snapshot: FleetSnapshot) -> dict[Key, dict[str, Hidden]]:
    """What is in the Secrets, and a stand-in for those that live elsewhere than the manifests, as they often do."""
    secrets = {key: dict(entries) for key, entries in snapshot.world.secrets.items()}
    for model in snapshot.models.values():
        external = model.spec.external
        reference = external.credentials.secret_ref if external and external.credentials else None
        if reference:
            key = Key("Secret", model.key.namespace, reference.name)
            if key not in snapshot.entries:
                secrets.setdefault(key, {})[reference.key] = STAND_IN
    return secrets


class _Dumper(yaml.SafeDumper):
    """Text of several lines as it is, and nothing by reference to what was written before."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - the base hands it over
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    # Readers of YAML 1.1 take y and n for booleans.
    style = '"' if text.lower() in ("y", "n") else "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)
