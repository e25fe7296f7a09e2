"""The rim towards Kubernetes: what is watched, when the fleet is compiled, and what is written back."""
