"""What `make` can be asked for."""

TARGETS = [
    *(
        "help",
        "demo",
        "test",
        "check",
        "fmt",
        "generate",
        "manifests",
        "verify",
        "golden",
        "bench",
        "soak",
        "engine",
        "image",
        "image-sign",
        "image-verify",
        "e2e",
        "cluster",
        "cluster-down",
    ),
    *("lock", "clean"),
]
