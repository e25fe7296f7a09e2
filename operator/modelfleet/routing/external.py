"""Hosted models: what an address and its credentials come to."""

import re

from modelfleet.api.modeldeployment.external import External
from modelfleet.findings import Key
from modelfleet.routing.plan import HostPlan

_URL = re.compile(r"(https?)://(\[[^\]]+\]|[^:/]+)(?::([0-9]+))?(.*)")
PORTS = {"http": 80, "https": 443}


def plan_host(model: Key, external: External) -> HostPlan:
    """Where the model is. The address holds the rule of its type, so that it can be taken apart."""
    found = _URL.fullmatch(external.url)
    assert found is not None
    scheme, host, port, path = found.groups()
    credentials = external.credentials
    reference = credentials.secret_ref if credentials else None
    return HostPlan(
        secure=scheme == "https",
        host=host.strip("[]").lower(),
        port=int(port) if port else PORTS[scheme],
        path=path.rstrip("/"),
        region=external.region or "",
        secret=(Key("Secret", model.namespace, reference.name), reference.key) if reference else None,
        passes_through=bool(credentials and credentials.pass_through),
    )
