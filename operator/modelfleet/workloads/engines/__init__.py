"""The engines that modelfleet knows, one file each."""

from collections.abc import Mapping
from typing import Final

from modelfleet.api.modeldeployment.engine import EngineName
from modelfleet.workloads.engine import Engine
from modelfleet.workloads.engines import custom, llamacpp, ollama, sglang, sim, tgi, triton, vllm

ENGINES: Final[Mapping[EngineName, Engine]] = {
    EngineName.VLLM: vllm.ENGINE,
    EngineName.SGLANG: sglang.ENGINE,
    EngineName.LLAMACPP: llamacpp.ENGINE,
    EngineName.OLLAMA: ollama.ENGINE,
    EngineName.TGI: tgi.ENGINE,
    EngineName.TRITON: triton.ENGINE,
    EngineName.SIM: sim.ENGINE,
    EngineName.CUSTOM: custom.ENGINE,
}
