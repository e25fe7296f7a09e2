"""The program that serves a model on hardware of one's own."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from modelfleet.api.model import ByName, Model, Ordered, String
from modelfleet.api.scalars.addresses import Image
from modelfleet.api.scalars.names import DnsName, EnvName, SecretEntry

Argument = Annotated[String, Field(max_length=4096)]
"""A word of a command line, as long as a variable may be."""


class EngineName(StrEnum):
    """The engines that modelfleet knows how to start, probe and read; custom is anybody else's."""

    VLLM = "vllm"
    SGLANG = "sglang"
    LLAMACPP = "llamacpp"
    OLLAMA = "ollama"
    TGI = "tgi"
    TRITON = "triton"
    SIM = "sim"
    CUSTOM = "custom"


class EntryRef(Model):
    """One entry of a Secret or a ConfigMap in the same namespace."""

    name: DnsName = Field(description="The name of the object.")
    key: SecretEntry = Field(description="The key of the entry.")


class EnvSource(Model):
    """Where a variable's value comes from."""

    secret_key_ref: EntryRef | None = Field(default=None, description="An entry of a Secret.")
    config_map_key_ref: EntryRef | None = Field(default=None, description="An entry of a ConfigMap.")


class EnvVar(Model):
    """A variable of the engine's environment."""

    name: EnvName = Field(description="The name of the variable.")
    value: String | None = Field(
        default=None, description="Its value; without value and valueFrom it is empty.", max_length=4096
    )
    value_from: EnvSource | None = Field(default=None, description="Where the value comes from instead.")


class Engine(Model):
    """The program that serves the model."""

    name: EngineName = Field(description="Which engine; custom needs an image or a command of its own.")
    image: Image | None = Field(default=None, description="The container image; left out, the engine's tested one.")
    command: Ordered[Argument] | None = Field(
        default=None,
        description="The program and its first arguments, in place of the image's.",
        min_length=1,
        max_length=64,
    )
    args: Ordered[Argument] | None = Field(
        default=None, description="Arguments behind those that modelfleet sets.", max_length=128
    )
    env: ByName[EnvVar] | None = Field(default=None, description="Variables of the environment.", max_length=64)
