"""ModelDeployment: a model, what serves it, and where it may run."""
