"""What an Envoy is called where nobody says: it must be another name for each, as each acknowledges for itself."""

import os
import socket


def node_name() -> str:
    """The name of the pod, as its variable POD_NAME has it, else that of the host."""
    return os.environ.get("POD_NAME") or socket.gethostname()
