"""`python -m modelfleet`, where the console script is not on the path."""

from modelfleet.cli.main import main

main(prog_name="modelfleet")
