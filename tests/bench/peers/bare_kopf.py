"""kopf by itself: it watches what our operator watches, and does nothing about it."""

import kopf

KINDS = (
    ("modelfleet.dev", "v1alpha1", "hardwareclasses"),
    ("modelfleet.dev", "v1alpha1", "modeldeployments"),
    ("modelfleet.dev", "v1alpha1", "routingpolicies"),
    ("", "v1", "nodes"),
    ("", "v1", "pods"),
    ("", "v1", "services"),
    ("discovery.k8s.io", "v1", "endpointslices"),
    ("apps", "v1", "deployments"),
)


async def observe(**_: object) -> None:
    """What an operator would do here is what it takes more than this."""


for group, version, plural in KINDS:
    kopf.on.event(group, version, plural, id=f"observe-{plural}")(observe)


@kopf.on.startup()
def settings(settings: kopf.OperatorSettings, **_: object) -> None:
    settings.posting.enabled = False
    settings.scanning.disabled = True


if __name__ == "__main__":
    kopf.run(standalone=True, clusterwide=True)
