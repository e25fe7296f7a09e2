"""What a hosted model's cluster has beside an address: TLS, the protocol, and the key that goes along."""

from typing import Any

from envoy.config.core.v3.base_pb2 import Metadata, TransportSocket
from envoy.extensions.filters.http.credential_injector.v3 import credential_injector_pb2 as _injector
from envoy.extensions.http.injected_credentials.generic.v3 import generic_pb2 as _generic
from envoy.extensions.transport_sockets.tls.v3.common_pb2 import SubjectAltNameMatcher
from envoy.extensions.transport_sockets.tls.v3.tls_pb2 import UpstreamTlsContext
from envoy.extensions.upstreams.http.v3.http_protocol_options_pb2 import HttpProtocolOptions
from google.protobuf.any_pb2 import Any as AnyMessage

from modelfleet.envoy.names import NAMESPACE
from modelfleet.envoy.typed import any_of, milliseconds, parse, struct_of
from modelfleet.envoy.types import PREFIX
from modelfleet.findings import Key
from modelfleet.fleet.world import Gateway
from modelfleet.routing.plan import HostPlan

# Imported for their descriptors: a message inside of a message is found by its name.
_NAMED = (_generic, _injector)

# A request on a connection that the other end is just closing fails: ours has to be the end that closes.
ENGINE_IDLE_MS, HOST_IDLE_MS = 4_000, 30_000
"""vLLM and llama.cpp close a connection after five idle seconds."""
PROTOCOL = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"


def protocol_of(host: HostPlan | None) -> tuple[str, AnyMessage]:
    """How the host, or an engine of one's own, is spoken to."""
    options = HttpProtocolOptions()
    idle = ENGINE_IDLE_MS if host is None else HOST_IDLE_MS
    options.common_http_protocol_options.idle_timeout.CopyFrom(milliseconds(idle))
    if host and host.secure:
        options.auto_config.http_protocol_options.SetInParent()
        options.auto_config.http2_protocol_options.SetInParent()
    else:
        options.explicit_http_config.http_protocol_options.SetInParent()
    return PROTOCOL, any_of(options)


def options_of(filters: list[dict[str, Any]]) -> tuple[str, AnyMessage]:
    """Filters that the requests of one cluster pass."""
    options = HttpProtocolOptions()
    options.explicit_http_config.http_protocol_options.SetInParent()
    parse({"http_filters": filters}, options)
    return PROTOCOL, any_of(options)


def secret_name(key: Key, entry: str) -> str:
    """The name under which one entry of a Secret goes to the gateways."""
    return f"{key.namespace}/{key.name}/{entry}"


def tls_of(host: HostPlan, gateway: Gateway) -> TransportSocket:
    """TLS that checks who answers: the name, and an authority that the installer trusts."""
    context = UpstreamTlsContext(sni=host.host)
    validation = context.common_tls_context.validation_context
    validation.trusted_ca.filename = gateway.roots
    # Said here, as what Envoy calls automatic goes by the host that the caller named.
    for kind in (SubjectAltNameMatcher.DNS, SubjectAltNameMatcher.IP_ADDRESS):
        validation.match_typed_subject_alt_names.add(san_type=kind).matcher.exact = host.host
    return TransportSocket(name="envoy.transport_sockets.tls", typed_config=any_of(context))


def metadata_of(hardware: str) -> Metadata:
    """What the evidence says of an endpoint."""
    metadata = Metadata()
    metadata.filter_metadata[NAMESPACE].CopyFrom(struct_of({"hardware": hardware or "-"}))
    return metadata


def injector_of(secret: tuple[Key, str]) -> dict[str, Any]:
    """What puts the host's own key on each request."""
    key, entry = secret
    source = {"ads": {}, "resource_api_version": "V3"}
    credential = {
        "@type": f"{PREFIX}envoy.extensions.http.injected_credentials.generic.v3.Generic",
        "credential": {"name": secret_name(key, entry), "sds_config": source},
    }
    injector = {
        "@type": f"{PREFIX}envoy.extensions.filters.http.credential_injector.v3.CredentialInjector",
        "overwrite": True,
        "credential": {"name": "envoy.http.injected_credentials.generic", "typed_config": credential},
    }
    return {"name": "credentials", "typed_config": injector}
