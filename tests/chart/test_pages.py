"""What the pages and the manifests say of the chart is what it renders."""

import json
import re
from fractions import Fraction

import yaml

from tests.chart.helm import OLD
from tests.chart.manifests import STORED, rendered
from tests.chart.rendering import CHART, ROOT, Object, containers, template

DOCS = ROOT / "docs"
ALERTS = yaml.safe_load((CHART / "files" / "alerts.yaml").read_text())["alerts"]
METRIC = re.compile(r"modelfleet_\w+")
SUFFIX = re.compile(r"_(bucket|sum|count)$")


def known_metrics() -> set[str]:
    """Those that the pages on the roles list, which are held to what the roles serve where these run."""
    pages = "".join((DOCS / f"{name}.md").read_text() for name in ("operator", "gateways", "relay"))
    return set(re.findall(r"`(modelfleet_[a-z_]+)[`{]", pages))


def test_alerts_and_the_dashboard_ask_for_metrics_that_there_are() -> None:
    dashboard = json.loads((CHART / "files" / "dashboard.json").read_text())
    asked = [alert["expr"] for alert in ALERTS]
    asked += [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    asked += [one["query"] for one in dashboard["templating"]["list"]]
    names = {
        name if name in known_metrics() else SUFFIX.sub("", name) for text in asked for name in METRIC.findall(text)
    }
    assert len(names) >= 15
    assert names - known_metrics() == set()


def test_each_alert_has_a_paragraph_that_its_link_leads_to() -> None:
    text = (DOCS / "runbooks.md").read_text()
    paragraphs = re.findall(r"^## (\w+)\n\n(\S.+)", text, re.MULTILINE)
    assert [name for name, _ in paragraphs] == [alert["alert"] for alert in ALERTS]
    rule = template({"monitoring": {"rules": {"enabled": True}}}).one("PrometheusRule", "modelfleet")
    for alert in rule["spec"]["groups"][0]["rules"]:
        page, _, anchor = alert["annotations"]["runbook_url"].partition("#")
        assert page.endswith("docs/runbooks.md")
        assert anchor == alert["alert"].lower()


def test_the_manifest_is_what_the_chart_renders_and_holds_no_key() -> None:
    stored, now = STORED.read_text(), rendered()
    objects, made = ([one for one in yaml.load_all(text, Loader=yaml.CSafeLoader) if one] for text in (stored, now))
    assert objects == made
    # An older Helm sets other empty lines.
    assert OLD or stored == now, "run `make manifests`"
    assert objects[0]["kind"] == "Namespace"
    assert "Secret" not in {one["kind"] for one in objects}
    base = yaml.safe_load((STORED.parent / "kustomization.yaml").read_text())
    assert all((STORED.parent / name).is_file() for name in base["resources"])


def test_pages_name_values_that_there_are() -> None:
    table = (CHART / "README.md").read_text()
    values = set(re.findall(r"^\| `([\w.]+)` \|", table, re.MULTILINE))
    known = {value.rsplit(".", up)[0] for value in values for up in range(value.count(".") + 1)}
    tops = {value.partition(".")[0] for value in values if "." in value} - {"global"}
    for name in ("install", "rights", "troubleshooting", "runbooks"):
        text = (DOCS / f"{name}.md").read_text()
        named = {one for one in re.findall(r"`(\w+(?:\.\w+)+)(?::[^`]*)?`", text) if one.partition(".")[0] in tops}
        assert named - known == set(), name


FORWARDED = re.compile(r"port-forward (service|deployment)/([\w-]+) (?:8080:)?(\w+)")
SELECTED = re.compile(r"kubectl -n modelfleet \w+.* -l (app\.kubernetes\.io/\w+=[\w-]+)(?: -c (\w+))?")


def ports_of(one: Object) -> set[str]:
    """The ports of a Service or Deployment, by name and by number."""
    spec = one["spec"]
    found = (
        spec["ports"]
        if one["kind"] == "Service"
        else [port for container in containers(spec["template"]["spec"]) for port in container.get("ports", ())]
    )
    return {str(port.get(key)) for port in found for key in ("name", "port", "containerPort")}


def test_commands_of_the_pages_lead_to_what_the_chart_makes() -> None:
    out = template({})
    text = "".join((DOCS / f"{name}.md").read_text() for name in ("install", "runbooks", "records"))
    forwarded, selected = FORWARDED.findall(text), SELECTED.findall(text)
    assert {name for _, name, _ in forwarded} == {
        "modelfleet-gateway-default",
        "modelfleet-operator",
        "modelfleet-xds",
    }
    for kind, name, port in forwarded:
        assert port in ports_of(out.one(kind.capitalize(), name)), (name, port)
    assert {container for _, container in selected} == {"", "envoy"}
    for label, container in selected:
        key, _, value = label.partition("=")
        pods = [pod for _, pod in out.pods() if pod["metadata"]["labels"].get(key) == value]
        assert pods, label
        assert not container or all(container in [one["name"] for one in containers(pod["spec"])] for pod in pods)


def test_monitoring_is_found_by_the_labels_and_at_the_ports_that_the_page_names() -> None:
    text = re.sub(r"\s+", " ", (DOCS / "install.md").read_text())
    section = (DOCS / "install.md").read_text().partition("## Monitoring\n")[2].partition("\n## ")[0]
    out = template(yaml.safe_load(re.findall(r"```yaml\n(.*?)```", section, re.DOTALL)[0]))
    assert out.names("PodMonitor") == {"modelfleet-operator", "modelfleet-xds", "modelfleet-gateway"}
    for one in [*out.all("PodMonitor"), *out.all("PrometheusRule")]:
        assert one["metadata"]["labels"]["release"] == "prometheus"
    (dashboard,) = (one for one in out.all("ConfigMap") if "dashboard" in one["metadata"]["name"])
    assert dashboard["metadata"]["labels"]["grafana_dashboard"] == "1"
    said = re.search(r"the port with the name `metrics`: (\d+) of operator, (\d+) of xds, (\d+) of gateways", text)
    assert said
    for (name, pod), port in zip(sorted(out.pods()), (said[3], said[1], said[2]), strict=True):
        ports = [it for one in containers(pod["spec"]) for it in one.get("ports", ()) if it["name"] == "metrics"]
        assert [str(it["containerPort"]) for it in ports] == [port], name
        assert pod["metadata"]["labels"]["app.kubernetes.io/name"] == "modelfleet"


def test_the_page_counts_what_is_asked_for() -> None:
    out = template({})
    cpu, memory = Fraction(0), 0
    for one in out.all("Deployment"):
        asked = [
            it["resources"]["requests"]
            for it in containers(one["spec"]["template"]["spec"])
            if it["name"] != "bootstrap"
        ]
        cpu += one["spec"]["replicas"] * sum(Fraction(it["cpu"].removesuffix("m")) for it in asked) / 1000
        memory += one["spec"]["replicas"] * sum(int(it["memory"].removesuffix("Mi")) for it in asked)
    said = f"{float(cpu):.1f} CPU and {memory / 1024:.1f} GiB in all"
    assert said in re.sub(r"\s+", " ", (DOCS / "install.md").read_text())
