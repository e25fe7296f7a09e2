"""The rules of messages, fields, lists and maps; the rules of one value are tested next door."""

from typing import Any

from envoy.config.cluster.v3 import cluster_pb2
from envoy.config.core.v3 import address_pb2, base_pb2, extension_pb2, health_check_pb2
from envoy.config.endpoint.v3 import endpoint_pb2
from envoy.config.route.v3 import route_components_pb2, route_pb2
from envoy.extensions.transport_sockets.tls.v3 import tls_pb2
from envoy.extensions.upstreams.http.v3 import http_protocol_options_pb2
from envoy.type.v3 import percent_pb2
from google.protobuf import (
    any_pb2,
    descriptor_pb2,
    descriptor_pool,
    duration_pb2,
    message_factory,
    timestamp_pb2,
)
from google.protobuf.descriptor import FieldDescriptor
from validate import validate_pb2 as pgv
from xds.data.orca.v3 import orca_load_report_pb2

from modelfleet.envoy import protorules
from modelfleet.envoy.protorules import violations


def route(**fields: Any) -> Any:
    fields.setdefault("match", route_components_pb2.RouteMatch(prefix="/"))
    return route_components_pb2.Route(**{"route": route_components_pb2.RouteAction(cluster="a"), **fields})


def table(*routes: Any) -> Any:
    host = route_components_pb2.VirtualHost(name="v", domains=["*"], routes=routes)
    return route_pb2.RouteConfiguration(name="r", virtual_hosts=[host])


def cluster(**fields: Any) -> Any:
    return cluster_pb2.Cluster(name="a", **fields)


def test_a_sound_message_breaks_no_rule() -> None:
    assert list(violations(table(route()))) == []
    assert list(violations(cluster(connect_timeout=duration_pb2.Duration(seconds=1)))) == []


def test_a_missing_message_is_told_with_the_way_to_it() -> None:
    bad = route()
    bad.ClearField("match")
    assert list(violations(table(route(), route(), bad))) == ["virtual_hosts[0].routes[2].match: is required"]


def test_a_missing_text_is_told() -> None:
    assert list(violations(cluster_pb2.Cluster())) == ["name: must have at least 1 character"]


def test_a_missing_choice_of_several_fields_is_told() -> None:
    bad = route()
    bad.ClearField("route")
    assert list(violations(bad)) == ["action: is required"]
    assert list(violations(route(match=route_components_pb2.RouteMatch()))) == ["match.path_specifier: is required"]


def test_a_field_of_a_choice_is_judged_only_when_it_is_the_one_chosen() -> None:
    assert list(violations(route_components_pb2.RouteAction(cluster_header="x"))) == []
    assert list(violations(route_components_pb2.RouteAction(cluster=""))) == ["cluster: must have at least 1 character"]


def test_what_is_packed_in_a_field_is_judged_as_if_it_stood_there() -> None:
    options = http_protocol_options_pb2.HttpProtocolOptions()
    options.explicit_http_config.http2_protocol_options.max_concurrent_streams.value = 0
    bad = cluster()
    bad.typed_extension_protocol_options["http"].Pack(options)
    place = "typed_extension_protocol_options[http].explicit_http_config.http2_protocol_options"
    assert list(violations(bad)) == [f"{place}.max_concurrent_streams: must be at least 1"]


def test_what_is_packed_in_what_is_packed_is_judged() -> None:
    outer = cluster()
    outer.transport_socket.name = "tls"
    inner = base_pb2.TransportSocket(name="inner")
    inner.typed_config.Pack(tls_pb2.UpstreamTlsContext(sni="a" * 256))
    outer.transport_socket.typed_config.Pack(inner)
    assert list(violations(outer)) == ["transport_socket.typed_config.typed_config.sni: must have at most 255 bytes"]


def test_a_packed_message_of_an_unknown_type_is_left_alone() -> None:
    holder = extension_pb2.TypedExtensionConfig(name="x")
    holder.typed_config.type_url = "type.googleapis.com/nobody.knows.This"
    holder.typed_config.value = b"\xff"
    assert list(violations(holder)) == []


def test_a_packed_message_that_cannot_be_read_is_told() -> None:
    holder = extension_pb2.TypedExtensionConfig(name="x")
    holder.typed_config.type_url = "type.googleapis.com/envoy.config.cluster.v3.Cluster"
    holder.typed_config.value = b"\xff"
    (said,) = violations(holder)
    assert said == "typed_config: does not parse as type.googleapis.com/envoy.config.cluster.v3.Cluster"


def test_a_packed_message_at_the_root_is_judged() -> None:
    packed = any_pb2.Any()
    packed.Pack(cluster_pb2.Cluster())
    assert list(violations(packed)) == ["name: must have at least 1 character"]


def test_a_required_packed_message_must_be_there() -> None:
    assert list(violations(extension_pb2.TypedExtensionConfig(name="x"))) == ["typed_config: is required"]


def test_a_message_that_is_to_be_skipped_is_not_entered() -> None:
    held = base_pb2.KeyValueAppend(record=base_pb2.KeyValuePair(key="k"))
    held.entry.SetInParent()
    assert list(violations(held)) == []


def test_rules_of_a_wrapper_mean_what_is_wrapped() -> None:
    bad = cluster()
    bad.outlier_detection.max_ejection_percent.value = 101
    assert list(violations(bad)) == ["outlier_detection.max_ejection_percent: must be at most 100"]
    bad.outlier_detection.max_ejection_percent.value = 0
    assert list(violations(bad)) == []


def test_durations_are_compared_to_the_nanosecond() -> None:
    assert list(violations(cluster(connect_timeout=duration_pb2.Duration(nanos=1)))) == []
    zero = cluster(connect_timeout=duration_pb2.Duration())
    assert list(violations(zero)) == ["connect_timeout: must be more than 0s"]


def test_a_missing_duration_that_is_required_is_told() -> None:
    assert "timeout: is required" in list(violations(health_check_pb2.HealthCheck()))


def test_a_number_that_no_enum_knows_is_told() -> None:
    bad = cluster(dns_lookup_family=77)
    assert list(violations(bad)) == ["dns_lookup_family: is no value of its enum"]


def test_an_enum_value_can_be_refused() -> None:
    check = health_check_pb2.HealthCheck.HttpHealthCheck(path="/", method=base_pb2.CONNECT)
    assert list(violations(check)) == ["method: must not be CONNECT"]


def test_lists_are_counted() -> None:
    host = route_components_pb2.VirtualHost(name="v")
    assert list(violations(host)) == ["domains: has fewer than 1 item"]
    added = [base_pb2.HeaderValueOption(header=base_pb2.HeaderValue(key="k", value="v"))] * 1001
    assert list(violations(route(request_headers_to_add=added[1:]))) == []
    assert list(violations(route(request_headers_to_add=added))) == ["request_headers_to_add: has more than 1000 items"]


def test_items_are_judged_one_by_one() -> None:
    host = route_components_pb2.VirtualHost(name="v", domains=["a", "b\nc"], request_headers_to_remove=["", "a"])
    assert list(violations(host)) == [
        "domains[1]: must not contain NUL or line breaks",
        "request_headers_to_remove[0]: must have at least 1 character",
    ]


def test_an_item_twice_is_told_where_items_are_unique() -> None:
    policy = route_components_pb2.InternalRedirectPolicy(response_headers_to_copy=["a", "b", "a"])
    assert list(violations(policy)) == ["response_headers_to_copy: has an item twice"]


def test_keys_and_values_of_maps_are_judged() -> None:
    metadata = base_pb2.Metadata()
    metadata.filter_metadata[""].SetInParent()
    assert list(violations(metadata)) == ["filter_metadata[]: the key must have at least 1 character"]


def test_entries_of_a_map_are_told_in_the_order_of_their_keys() -> None:
    made = cluster()
    bad = any_pb2.Any()
    bad.Pack(cluster_pb2.Cluster())
    for index in range(20):
        made.typed_extension_protocol_options[f"{index:02}"].CopyFrom(bad)
    said = list(violations(made))
    assert len(said) == 20
    assert said == sorted(said)


def checked(rules: Any, field: FieldDescriptor, value: Any) -> list[tuple[str, str]]:
    check = protorules._check_of(rules, field)
    assert check is not None
    return check(value)


def test_an_empty_list_or_map_can_be_as_good_as_none() -> None:
    domains = route_components_pb2.VirtualHost.DESCRIPTOR.fields_by_name["domains"]
    entries = base_pb2.Metadata.DESCRIPTOR.fields_by_name["filter_metadata"]
    for field, kind, rules in (
        (domains, "repeated", pgv.RepeatedRules(min_items=2)),
        (entries, "map", pgv.MapRules(min_pairs=2)),
    ):
        assert len(checked(pgv.FieldRules(**{kind: rules}), field, [])) == 1
        rules.ignore_empty = True
        assert checked(pgv.FieldRules(**{kind: rules}), field, []) == []
        assert len(checked(pgv.FieldRules(**{kind: rules}), field, {"a": 1})) == 1


def test_values_of_maps_are_judged() -> None:
    report = orca_load_report_pb2.OrcaLoadReport()
    report.utilization["a"] = 0.5
    report.utilization["b"] = 1.5
    assert list(violations(report)) == ["utilization[b]: must be at most 1.0"]


def holder(*switches: str) -> Any:
    """A message of a type of its own with a required text, and with the rules switched off or on."""
    file = descriptor_pb2.FileDescriptorProto(name="held.proto", package="held", syntax="proto3")
    file.dependency.append("validate/validate.proto")
    inner = file.message_type.add(name="Inner")
    inner.field.add(name="text", number=1, type="TYPE_STRING", label="LABEL_OPTIONAL")
    inner.field[0].options.Extensions[pgv.rules].string.min_len = 1
    outer = file.message_type.add(name="Outer")
    outer.field.add(name="inner", number=1, type="TYPE_MESSAGE", type_name=".held.Inner", label="LABEL_OPTIONAL")
    for switch in switches:
        inner.options.Extensions[getattr(pgv, switch)] = True
    pool = descriptor_pool.DescriptorPool()
    for used in (descriptor_pb2.DESCRIPTOR, duration_pb2.DESCRIPTOR, timestamp_pb2.DESCRIPTOR, pgv.DESCRIPTOR):
        pool.AddSerializedFile(used.serialized_pb)
    pool.Add(file)
    made = message_factory.GetMessageClass(pool.FindMessageTypeByName("held.Outer"))()
    made.inner.SetInParent()  # type: ignore[attr-defined]
    return made


def test_rules_that_are_switched_off_do_not_hold() -> None:
    assert list(violations(holder())) == ["inner.text: must have at least 1 character"]
    for switch in ("disabled", "ignored"):
        made = holder(switch)
        assert list(violations(made)) == []
        assert list(violations(made.inner)) == []


def test_lower_and_upper_limits_hold_at_the_limit() -> None:
    for value, fine in ((-0.1, False), (0.0, True), (100.0, True), (100.1, False), (float("nan"), False)):
        assert (list(violations(percent_pb2.Percent(value=value))) == []) is fine


def test_a_port_is_no_more_than_65535() -> None:
    address = address_pb2.SocketAddress(address="1.1.1.1", port_value=65536)
    assert list(violations(address)) == ["port_value: must be at most 65535"]
    unset = address_pb2.SocketAddress(address="1.1.1.1")
    assert list(violations(unset)) == ["port_specifier: is required"]


def test_all_that_is_broken_is_told_and_not_only_the_first() -> None:
    bad = endpoint_pb2.ClusterLoadAssignment()
    bad.endpoints.add(priority=129)
    bad.policy.overprovisioning_factor.value = 0
    assert sorted(violations(bad)) == [
        "cluster_name: must have at least 1 character",
        "endpoints[0].priority: must be at most 128",
        "policy.overprovisioning_factor: must be more than 0",
    ]


def test_no_sentence_repeats_what_a_message_says() -> None:
    secret = cluster(alt_stat_name="x")
    secret.transport_socket.name = "tls"
    secret.transport_socket.typed_config.Pack(tls_pb2.UpstreamTlsContext(sni="secret" * 50))
    assert "secret" not in " ".join(violations(secret))
