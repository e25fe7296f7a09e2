"""What a hosted model's cluster has beside an address: TLS, the protocol, and the key that goes along."""

from envoy.config.core.v3.base_pb2 import Metadata, TransportSocket
from envoy.extensions.filters.http.credential_injector.v3.credential_injector_pb2 import CredentialInjector
from envoy.extensions.filters.http.upstream_codec.v3.upstream_codec_pb2 import UpstreamCodec
from envoy.extensions.http.injected_credentials.generic.v3.generic_pb2 import Generic
from envoy.extensions.transport_sockets.tls.v3.common_pb2 import SubjectAltNameMatcher
from envoy.extensions.transport_sockets.tls.v3.secret_pb2 import SdsSecretConfig
from envoy.extensions.transport_sockets.tls.v3.tls_pb2 import UpstreamTlsContext
from envoy.extensions.upstreams.http.v3.http_protocol_options_pb2 import HttpProtocolOptions
from google.protobuf.any_pb2 import Any as AnyMessage

from modelfleet.envoy.names import NAMESPACE
from modelfleet.envoy.sources import ADS
from modelfleet.envoy.typed import any_of, struct_of
from modelfleet.findings import Key
from modelfleet.fleet.world import Gateway
from modelfleet.routing.plan import HostPlan

PROTOCOL = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"


def protocol_of(host: HostPlan) -> tuple[str, AnyMessage]:
    """How the host is spoken to, and what is done to each request on its way there."""
    options = HttpProtocolOptions()
    if host.secure:
        options.auto_config.http_protocol_options.SetInParent()
        options.auto_config.http2_protocol_options.SetInParent()
    else:
        options.explicit_http_config.http_protocol_options.SetInParent()
    if host.secret:
        key, entry = host.secret
        injector = options.http_filters.add(name="credentials")
        injector.typed_config.CopyFrom(any_of(_injector(secret_name(key, entry))))
        codec = options.http_filters.add(name="codec")
        codec.typed_config.CopyFrom(any_of(UpstreamCodec()))
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


def _injector(name: str) -> CredentialInjector:
    credential = Generic(credential=SdsSecretConfig(name=name, sds_config=ADS))
    injector = CredentialInjector(overwrite=True)
    injector.credential.name = "envoy.http.injected_credentials.generic"
    injector.credential.typed_config.CopyFrom(any_of(credential))
    return injector
