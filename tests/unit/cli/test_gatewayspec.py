"""What an installer says of a gateway in one option, and what is wrong with it."""

import re

import click
import pytest

from modelfleet.cli.gatewayspec import read_gateways
from modelfleet.fleet.world import Gateway


def refusal(*texts: str) -> str:
    with pytest.raises(click.BadParameter) as caught:
        read_gateways(texts)
    assert caught.value.param_hint == "'--gateway'"
    return caught.value.message


def test_who_names_none_has_one_of_the_name_default_with_everything_as_documented() -> None:
    assert read_gateways([]) == (Gateway("default", "0.0.0.0", 8080, 4 * 1024 * 1024, "/dev/stdout"),)


def test_a_name_alone_is_a_gateway_with_everything_as_documented() -> None:
    assert read_gateways(["edge"]) == (Gateway("edge"),)


def test_everything_may_be_said_in_any_order() -> None:
    wanted = Gateway("edge", "10.0.0.1", 9000, 8 * 1024 * 1024, "/var/log/records.jsonl", "/etc/roots.pem")
    parts = ["records=/var/log/records.jsonl", "max-body=8Mi", "roots=/etc/roots.pem"]
    assert read_gateways([",".join(["edge=10.0.0.1:9000", *parts])]) == (wanted,)
    assert read_gateways([",".join(["edge=10.0.0.1:9000", *reversed(parts)])]) == (wanted,)


def test_several_are_kept_in_their_order() -> None:
    assert [one.name for one in read_gateways(["west", "east=:81"])] == ["west", "east"]


@pytest.mark.parametrize(
    ("text", "address", "port"),
    [
        ("g=:81", "0.0.0.0", 81),
        ("g=127.0.0.1:65535", "127.0.0.1", 65535),
        ("g=localhost:81", "127.0.0.1", 81),
        ("g=[::]:81", "::", 81),
        ("g=[2001:db8::1]:81", "2001:db8::1", 81),
    ],
)
def test_an_address_is_where_its_envoys_listen(text: str, address: str, port: int) -> None:
    (gateway,) = read_gateways([text])
    assert (gateway.address, gateway.port) == (address, port)


@pytest.mark.parametrize(
    ("said", "number"),
    [("1Ki", 1024), ("64Mi", 64 * 1024 * 1024), ("1000000", 10**6), ("1e6", 10**6), ("2M", 2 * 10**6)],
)
def test_the_largest_body_is_a_quantity_of_bytes(said: str, number: int) -> None:
    assert read_gateways([f"g,max-body={said}"])[0].max_body_bytes == number


def test_a_path_may_have_any_letter_but_a_comma() -> None:
    assert read_gateways(["g,records=/a=b c/d.jsonl"])[0].record == "/a=b c/d.jsonl"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "must be a DNS label"),
        ("=:80", "must be a DNS label"),
        ("Edge", "must be a DNS label"),
        ("edge.shop", "must be a DNS label"),
        ("e" * 64, "must have at most 63 characters"),
        ("g=", "'' must be ADDRESS:PORT such as 127.0.0.1:8080"),
        ("g=8080", "'8080' must be ADDRESS:PORT such as 127.0.0.1:8080"),
        ("g=::1:80", "an IPv6 address goes in brackets"),
        ("g=edge.example.com:80", "'edge.example.com' is no IP address"),
        ("g=127.0.0.1:65536", "a port is at most 65535"),
        ("g=:0", "a gateway needs a port that its users know: such as 8080"),
        (
            "g,max-body=",
            "'max-body=' must be one of max-body=VALUE, records=VALUE, roots=VALUE, tls-secrets=VALUE, tls-min=VALUE",
        ),
        ("g,records", "'records' must be one of max-body=VALUE, records=VALUE, roots=VALUE"),
        ("g, records=/x", "' records=/x' must be one of"),
        ("g,maxBody=1Mi", "'maxBody=1Mi' must be one of"),
        ("g,", "'' must be one of"),
        ("g,roots=/a,roots=/b", "roots is given twice: remove one of the two"),
        ("g,max-body=much", "max-body=much must be a quantity of bytes such as 4Mi"),
        ("g,max-body=-1Mi", "max-body=-1Mi must be"),
        ("g,max-body=1023", "max-body=1023 must be from 1Ki to 64Mi"),
        ("g,max-body=65Mi", "max-body=65Mi must be from 1Ki to 64Mi"),
        ("g,tls-secrets=run", "tls-secrets=run must be a path from the root on, the folder where Envoy runs"),
        ("g,tls-secrets=/run,tls-min=1.2", "tls-min=1.2 must be one of TLSv1.2, TLSv1.3"),
        ("g,tls-min=TLSv1.3", "tls-min is for a port with TLS: add tls-secrets=DIR"),
        ("g,max-body=1024500m", "max-body=1024500m must be from 1Ki to 64Mi"),
    ],
)
def test_what_cannot_be_is_refused_with_what_could(text: str, why: str) -> None:
    assert re.search(re.escape(why), refusal(text)), refusal(text)


def test_the_root_is_a_folder_and_no_port_in_clear() -> None:
    assert [one.secrets for one in read_gateways(["g,tls-secrets=/", "h=:8443,tls-secrets=//"])] == ["/", "/"]


@pytest.mark.parametrize("folder", ["/run/envoy", "/run/envoy/"])
def test_a_port_with_tls_has_the_folder_of_the_files_by_which_envoy_reads_its_certificate(folder: str) -> None:
    assert read_gateways([f"g,tls-secrets={folder}"]) == (Gateway("g", secrets="/run/envoy", tls_minimum="TLSv1.2"),)
    (newer,) = read_gateways([f"g,tls-min=TLSv1.3,tls-secrets={folder}"])
    assert newer == Gateway("g", secrets="/run/envoy", tls_minimum="TLSv1.3")


def test_a_gateway_is_given_once() -> None:
    assert refusal("g", "other", "g=:81") == 'the gateway "g" is given twice: remove one of the two'
