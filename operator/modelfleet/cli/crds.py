"""`modelfleet crds`: the CustomResourceDefinitions of this version, for kubectl."""

import click


@click.command("crds")
def command() -> None:
    """Print the CustomResourceDefinitions.

    \b
    modelfleet crds | kubectl apply --server-side -f -
    """  # noqa: D301 - click wants the very character
    from modelfleet.api.crd import render_crds

    click.echo("---\n".join(render_crds().values()), nl=False)
