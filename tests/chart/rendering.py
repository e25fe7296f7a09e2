"""What Helm makes of values: the objects, found by kind and name."""

import json
import subprocess
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.chart.helm import OLD, helm

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "charts" / "modelfleet"
RELEASE, NAMESPACE = "modelfleet", "fleet-system"
KUBERNETES = "--kube-version=1.30"
"""Helm takes the Kubernetes of its own time where it asks no cluster, which may be older than the chart is for."""
Object = dict[str, Any]


class Refused(Exception):
    """Helm refused the values; the text is what it said."""


class Rendered(list[Object]):
    """The objects of a release."""

    def all(self, kind: str) -> list[Object]:
        return [one for one in self if one["kind"] == kind]

    def one(self, kind: str, name: str, namespace: str | None = None) -> Object:
        found = [
            one
            for one in self.all(kind)
            if one["metadata"]["name"] == name and namespace in (None, one["metadata"].get("namespace"))
        ]
        assert len(found) == 1, f"{len(found)} of {kind} {name}, of {[it['metadata']['name'] for it in self.all(kind)]}"
        return found[0]

    def names(self, kind: str) -> set[str]:
        return {one["metadata"]["name"] for one in self.all(kind)}

    def pods(self) -> Iterator[tuple[str, Object]]:
        """The pods of every Deployment, by the name of it."""
        for one in self.all("Deployment"):
            yield one["metadata"]["name"], one["spec"]["template"]

    def pod(self, name: str) -> Object:
        template: Object = self.one("Deployment", name)["spec"]["template"]["spec"]
        return template

    def container(self, name: str, container: str) -> Object:
        return next(one for one in containers(self.pod(name)) if one["name"] == container)

    def arguments(self, name: str, container: str) -> list[str]:
        return list(self.container(name, container)["args"])


def containers(pod: Object) -> list[Object]:
    """All of a pod, those that come first, too."""
    return [*pod.get("initContainers", ()), *pod["containers"]]


def run(*arguments: str, standard_input: str = "") -> str:
    """What Helm prints. Raises Refused with what it said."""
    told = any(argument.startswith("--kube-version") for argument in arguments)
    command = [str(helm()), *arguments, *([KUBERNETES] if OLD and arguments[0] == "template" and not told else [])]
    done = subprocess.run(command, input=standard_input, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Refused(done.stderr)
    return done.stdout


def template(values: Mapping[str, Any], *options: str) -> Rendered:
    """The objects of these values, without our kinds unless the values ask for them."""
    return _template(json.dumps({"crds": {"install": False}, **values}), options)


@cache
def _template(values: str, options: tuple[str, ...]) -> Rendered:
    place = [RELEASE, str(CHART), f"--namespace={NAMESPACE}"]
    text = run("template", *place, "--values=-", *options, standard_input=values)
    return Rendered(one for one in yaml.load_all(text, Loader=yaml.CSafeLoader) if one)
