"""A real Kubernetes control plane with simulated nodes, for tests and for trying things; no docker, no cluster."""
