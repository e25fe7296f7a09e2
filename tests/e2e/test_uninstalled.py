"""A user takes the chart away: what is left is what was asked to be kept. Last, since nothing can be tried after it."""

from tests.e2e.conftest import Release
from tests.e2e.release import NAMESPACE, TENANT, inventory

KEPT = {
    "customresourcedefinitions /hardwareclasses.modelfleet.dev",
    "customresourcedefinitions /modeldeployments.modelfleet.dev",
    "customresourcedefinitions /routingpolicies.modelfleet.dev",
}
"""`crds.keep` says so: with them would go every object of every user."""


def test_an_uninstall_leaves_what_users_made_and_the_kinds_of_it(release: Release, report: list[str]) -> None:
    release.helm.uninstall()
    left = inventory(release.cluster) - release.before
    # What was made for the tests, and by users: two namespaces, and all that is in the tenant's.
    ours = {entry for entry in left if entry.split()[1].partition("/")[0] != TENANT}
    ours -= {f"namespaces /{NAMESPACE}", f"namespaces /{TENANT}"}
    made_with_it = {f"serviceaccounts {NAMESPACE}/default", f"configmaps {NAMESPACE}/kube-root-ca.crt"}
    report.extend(["left after helm uninstall:", *sorted(f"  {entry}" for entry in left)])
    assert ours - made_with_it - served(ours) == KEPT


def served(entries: set[str]) -> set[str]:
    """How the API server tells that it serves the kinds that were kept."""
    return {entry for entry in entries if entry.startswith("apiservices /") and entry.endswith("modelfleet.dev")}
