"""`manifests/install.yaml`: what the chart renders for those who install without Helm.

Without TLS between xds and gateways: a file that everybody downloads cannot hold keys, and not every cluster has
cert-manager. The file says so at its head, and how it is had with TLS.
"""

from pathlib import Path

from tests.chart.rendering import CHART, ROOT, run

NAMESPACE = "modelfleet"
STORED = ROOT / "manifests" / "install.yaml"
HEAD = """\
# Generated from charts/modelfleet by `make manifests`; edit that.
#
#   kubectl apply --server-side -f install.yaml
#
# There is no TLS between xds and gateways here: keys would be the same for everybody who takes this file. Where
# cert-manager runs, render it with TLS instead:
#
#   helm template modelfleet charts/modelfleet --namespace modelfleet --set tls.mode=certManager
---
apiVersion: v1
kind: Namespace
metadata:
  name: modelfleet
  labels:
    app.kubernetes.io/part-of: modelfleet
    pod-security.kubernetes.io/enforce: restricted
    pod-security.kubernetes.io/warn: restricted
"""


def rendered(chart: Path = CHART) -> str:
    """The file as it is to be."""
    options = ["--no-hooks", "--set=tls.mode=none", "--set=crds.keep=false"]
    text = run("template", "modelfleet", str(chart), f"--namespace={NAMESPACE}", *options)
    return HEAD + text.replace("app.kubernetes.io/managed-by: Helm", "app.kubernetes.io/managed-by: kubectl")
