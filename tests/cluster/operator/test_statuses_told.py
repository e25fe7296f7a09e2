"""What an operator says on the objects of a healthy cluster."""

from tests.cluster.operator.objects import gone, hosted, make, routed, status, wait_for_condition
from tests.cluster.operator.process import Operator
from tests.testbed.bed import Bed


def test_a_hosted_model_is_ready_and_a_policy_names_the_model_that_is_missing(
    bed: Bed, namespace: str, operator: Operator
) -> None:
    make(bed.api, hosted("frontier", namespace), routed("chat", namespace, "frontierr"))
    wait_for_condition(bed.api, "ModelDeployment", namespace, "frontier", "Ready", "True")
    refs = wait_for_condition(bed.api, "RoutingPolicy", namespace, "chat", "ResolvedRefs", "False")
    assert refs["reason"] == "ModelNotFound"
    assert (
        'spec.tiers[0].models[0].name: no ModelDeployment "frontierr" is declared (did you mean "frontier"?)'
        in refs["message"]
    )
    make(bed.api, routed("chat", namespace, "frontier"))
    wait_for_condition(bed.api, "RoutingPolicy", namespace, "chat", "ResolvedRefs", "True")
    gone(bed.api, "ModelDeployment", namespace, "frontier")
    wait_for_condition(bed.api, "RoutingPolicy", namespace, "chat", "ResolvedRefs", "ModelNotFound")
    assert operator.metric("findings", reason="ModelNotFound") >= 1  # other tests leave some for a while
    assert status(bed.api, "RoutingPolicy", namespace, "chat")["observedGeneration"] == 2
