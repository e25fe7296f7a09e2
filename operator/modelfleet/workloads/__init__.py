"""What a model's placement becomes in a cluster: its Deployments, and the objects around them. Pure."""
