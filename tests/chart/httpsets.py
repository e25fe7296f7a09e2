"""What has to come of values by which callers speak HTTPS."""

from tests.chart.rendering import Object, Rendered

PAIR = ("--listener-cert=/etc/modelfleet/shown/tls.crt", "--listener-key=/etc/modelfleet/shown/tls.key")
MOSTLY = {
    "gatewayDefaults": {"tls": {"secretName": "all"}, "service": {"port": 8443}},
    "gateways": {"plain": {"tls": {"secretName": ""}}},
}


def _port(out: Rendered, name: str) -> Object:
    (port,) = out.one("Service", name)["spec"]["ports"]
    return dict(port)


def https(out: Rendered) -> bool:
    """A fleet speaks TLS 1.3 at port 443, by a Secret; the other one goes on as it was."""
    edge, told = "modelfleet-gateway-edge", out.arguments("modelfleet-xds", "xds")
    (volume,) = [one["secret"] for one in out.pod(edge)["volumes"] if one["name"] == "shown"]
    assert {"key": "tls.key", "path": "tls.key"} in volume["items"]
    assert (volume["secretName"], "optional" in volume) == ("edge.tls", False)
    for name in ("bootstrap", "relay", "envoy"):
        mounts = out.container(edge, name)["volumeMounts"]
        assert {"name": "shown", "mountPath": "/etc/modelfleet/shown", "readOnly": True} in mounts
    assert {*PAIR, "--tls-secrets=/run/modelfleet"} <= {*out.arguments(edge, "bootstrap")}
    assert {*PAIR} <= {*out.arguments(edge, "relay")}
    assert [one.endswith(",tls-secrets=/run/modelfleet,tls-min=TLSv1.3") for one in told if "=edge=" in one] == [True]
    assert not any("tls-secrets" in one for one in told if "=default=" in one)
    assert "shown" not in {one["name"] for one in out.pod("modelfleet-gateway-default")["volumes"]}
    envoy = out.container(edge, "envoy")
    return (
        _port(out, edge) == {"name": "https", "port": 443, "targetPort": 8080}
        and envoy["ports"] == [{"name": "https", "containerPort": 8080}]
        and envoy["readinessProbe"]["httpGet"] == {"scheme": "HTTPS", "path": "/readyz", "port": "https"}
    )


def mostly_https(out: Rendered) -> bool:
    """One fleet says that it is as it would be if nobody had said anything."""
    ports = {name: _port(out, f"modelfleet-gateway-{name}") for name in ("default", "plain")}
    return {name: (port["name"], port["port"]) for name, port in ports.items()} == {
        "default": ("https", 8443),
        "plain": ("http", 8443),
    }
