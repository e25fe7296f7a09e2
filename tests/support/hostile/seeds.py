"""With what the names of fleets begin: always the same in quick runs, something new in each soak, unless it is told."""

import os
import secrets

from tests.sizes import SOAK


def seed() -> str:
    """The seed of this run; it stands in the name of each fleet, and so in every failure."""
    return os.environ.get("MODELFLEET_SEED") or (secrets.token_hex(4) if SOAK else "hostile")
