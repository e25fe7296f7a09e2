"""What runs a fleet on one machine: processes that never outlive us, a folder, a port, an Envoy and readable logs."""


class Unusable(Exception):
    """What this machine cannot offer: a sentence for the user that names the thing and the fix."""
