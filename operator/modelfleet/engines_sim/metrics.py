"""What the engine counts, in the text that Prometheus reads."""

from collections import Counter
from dataclasses import dataclass, field

from modelfleet.engines_sim.queueing import Slots


@dataclass(slots=True)
class Metrics:
    """Counters since the process started; only requests that ask for an answer are counted."""

    requests: Counter[tuple[str, int]] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    prompt_tokens: int = 0
    generated_tokens: int = 0
    cancelled: int = 0

    def text(self, slots: Slots) -> bytes:
        requests = {f'{{path="{path}",code="{code}"}}': n for (path, code), n in sorted(self.requests.items())}
        faults = {f'{{kind="{kind}"}}': n for kind, n in sorted(self.faults.items())}
        families = [
            ("sim_requests_total", "counter", "Requests answered, by path and status.", requests),
            ("sim_faults_total", "counter", "Faults that befell requests, by kind.", faults),
            ("sim_requests_running", "gauge", "Requests that run now.", {"": slots.running}),
            ("sim_requests_waiting", "gauge", "Requests that wait to run.", {"": slots.waiting}),
            ("sim_prompt_tokens_total", "counter", "Tokens of prompts that ran.", {"": self.prompt_tokens}),
            ("sim_generated_tokens_total", "counter", "Tokens sent.", {"": self.generated_tokens}),
            ("sim_cancelled_total", "counter", "Requests whose client went away first.", {"": self.cancelled}),
        ]
        return "".join(_family(*family) for family in families).encode()


def _family(name: str, kind: str, words: str, samples: dict[str, int]) -> str:
    lines = "".join(f"{name}{labels} {value}\n" for labels, value in samples.items())
    return f"# HELP {name} {words}\n# TYPE {name} {kind}\n{lines}"
