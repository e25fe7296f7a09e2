"""llama.cpp's server: how it is built, the model that it serves here, and how a test runs it."""
