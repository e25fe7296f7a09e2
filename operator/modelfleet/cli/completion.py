"""`modelfleet completion`: what a shell needs to complete our words."""

import click
from click.shell_completion import get_completion_class

SHELLS = ("bash", "zsh", "fish")


@click.command("completion")
@click.argument("shell", type=click.Choice(SHELLS))
def command(shell: str) -> None:
    """Print the completion script of a shell.

    \b
    bash: source <(modelfleet completion bash)
    zsh:  source <(modelfleet completion zsh)
    fish: modelfleet completion fish | source
    """  # noqa: D301 - click wants the very character
    from modelfleet.cli.main import main

    completion = get_completion_class(shell)
    assert completion, f"click knows {shell}"
    click.echo(completion(main, {}, "modelfleet", "_MODELFLEET_COMPLETE").source())
