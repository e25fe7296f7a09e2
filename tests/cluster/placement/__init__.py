"""Where replicas of models really end up: on the real scheduler, on nodes that come and go."""
