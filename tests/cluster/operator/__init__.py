"""The operator as a process of its own, before the real API server, with a proxy between them that breaks things."""
