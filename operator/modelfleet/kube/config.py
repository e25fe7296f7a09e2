"""Where the cluster is and who we are there: a kubeconfig, or the service account of the pod that we run in."""

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import yaml
from kubernetes.client import Configuration
from kubernetes.config import (
    ConfigException,
    list_kube_config_contexts,
    load_incluster_config,
    load_kube_config,
)

from modelfleet.findings import Unusable, one_line
from modelfleet.kube.client import Client

_NAMESPACE_FILE: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
_DEFAULT: Final = "default"


def connect(user_agent: str) -> Client:
    """A client for the cluster that KUBECONFIG, ~/.kube/config or our pod names, in this order, as for kubectl.

    Raises Unusable where none of them leads to a cluster. Nothing is sent yet.
    """
    return Client(load_configuration, user_agent)


def home_namespace() -> str:
    """The namespace that our Lease lives in: our pod's, else the kubeconfig context's, else `default`."""
    with suppress(OSError, UnicodeDecodeError):
        if found := _NAMESPACE_FILE.read_text().strip():
            return found
    source = _kubeconfig()
    namespace = _context(source).get("namespace") if source else None
    return str(namespace) if namespace else _DEFAULT


def load_configuration() -> Configuration:
    """Reads anew where the cluster is and who we are. Raises Unusable."""
    # Without a host of ours it would be that of a server on this machine.
    configuration = Configuration(host="")
    source = _kubeconfig()
    if source is None:
        _load_of_the_pod(configuration)
        return configuration
    _guarded(source, lambda: load_kube_config(source, client_configuration=configuration))  # type: ignore[no-untyped-call]
    if not configuration.host.startswith(("https://", "http://")):
        raise Unusable(f"{_named(source)}: the cluster of the current context names no http(s) server")
    who = _context(source).get("user")
    is_nobody = not configuration.api_key and not configuration.cert_file
    if who and is_nobody and configuration.host.startswith("https://"):
        raise Unusable(f"{_named(source)}: the user {one_line(str(who), 80)} has no credentials, or its plugin failed")
    return configuration


def _load_of_the_pod(configuration: Configuration) -> None:
    if "KUBERNETES_SERVICE_HOST" not in os.environ:
        raise Unusable("no cluster is named: set KUBECONFIG, or run in a pod of the cluster")
    try:
        load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
    except (ConfigException, OSError, UnicodeDecodeError) as error:
        raise Unusable(f"the service account of this pod cannot be used: {one_line(str(error))}") from None


def _kubeconfig() -> str | None:
    """The value of KUBECONFIG, which may name several files; else the usual file; None where there is none."""
    if named := os.environ.get("KUBECONFIG"):
        if not any(_exists(part) for part in named.split(os.pathsep) if part):
            raise Unusable(f"KUBECONFIG={one_line(named)}: there is no such file")
        return named
    usual = "~/.kube/config"
    return usual if _exists(usual) else None


def _exists(path: str) -> bool:
    # Who runs under a number that has no name here has no home.
    with suppress(RuntimeError, OSError):
        return Path(path).expanduser().exists()
    return False


def _context(source: str) -> dict[str, Any]:
    found = _guarded(source, lambda: list_kube_config_contexts(source)[1])  # type: ignore[no-untyped-call]
    context = found.get("context") if isinstance(found, dict) else None
    return context if isinstance(context, dict) else {}


def _guarded(source: str, read: Callable[[], Any]) -> Any:
    try:
        return read()
    except ConfigException as error:
        # From the first brace on it quotes whole entries, with the tokens in them.
        words = one_line(str(error).partition("{")[0])
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        words = f"line {mark.line + 1} is not YAML" if mark else "it is not YAML"
    except OSError as error:
        words = one_line(error.strerror or type(error).__name__)
    except Exception as error:
        # The library takes any file for a good one, and stumbles. What it says then may quote the file.
        words = f"it is no kubeconfig ({type(error).__name__})"
    raise Unusable(f"{_named(source)}: {words}")


def _named(source: str) -> str:
    return one_line(f"KUBECONFIG={source}" if os.environ.get("KUBECONFIG") == source else source)
