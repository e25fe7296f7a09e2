"""What runs a fleet on one machine: processes that never outlive us, a folder, a port, an Envoy and readable logs."""
