"""HardwareClass: what a kind of compute is, costs and suits."""
