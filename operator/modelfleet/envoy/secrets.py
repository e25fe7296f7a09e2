"""Entries of Secrets as gateways take them: apart from what uses them, so that a key changes alone."""

from envoy.extensions.transport_sockets.tls.v3.secret_pb2 import Secret

from modelfleet.envoy.hosted import secret_name
from modelfleet.envoy.resource import XdsResource, resource_of
from modelfleet.findings import Key
from modelfleet.fleet.world import World


def render_secret(key: Key, entry: str, world: World, model: Key) -> XdsResource | None:
    """The bearer token in an entry; None where there is no such entry, so that nothing goes out without it."""
    hidden = world.secrets.get(key, {}).get(entry)
    if hidden is None:
        return None
    secret = Secret(name=secret_name(key, entry))
    secret.generic_secret.secret.inline_string = f"Bearer {hidden.text.strip()}"
    return resource_of(secret.name, secret, [model])
