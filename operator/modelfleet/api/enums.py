"""Closed lists that more than one kind uses."""

from enum import StrEnum


class Work(StrEnum):
    """Kinds of work. A class of hardware says which it suits, a model says which it does."""

    INFERENCE = "inference"
    EMBEDDING = "embedding"
    RERANKING = "reranking"
    CLASSIFICATION = "classification"
    SPEECH = "speech"
    VISION = "vision"
    RETRIEVAL = "retrieval"
    VALIDATION = "validation"
    CONTROL = "control"
    OPTIMISATION = "optimisation"
    SIMULATION = "simulation"
