"""modelfleet as its users have it: a policy with every clause that is enforced so far, and every decision recorded."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from tests.bench.bodies import MODEL
from tests.bench.cores import PROXY, on_core
from tests.bench.traffic import Target
from tests.dataplane.support.fleets import fleet, model, policy
from tests.dataplane.support.gateway import RealGateway, Settings

ALIAS = "modelfleet, alias"
REWRITE = "modelfleet, rewrite"
TIERS = ("light", "mid", "large")
LONG = ("64 KB", "512 KB")
"""The sizes that the rule `long` sends to the large tier."""

AS_SERVED = Settings(flush_ms=200)
"""As `modelfleet up` has it."""
POLICY = """
serves: {models: [auto]}
identifiers: {session: x-session-id, step: x-step, feature: x-feature, features: [search, legal]}
tiers:
- {name: light, models: [{name: light, weight: 95}, {name: light-canary, weight: 5}]}
- {name: mid, models: [{name: mid}]}
- {name: large, models: [{name: large}]}
rules:
- {name: legal, when: {feature: legal}, tier: large}
- name: no-context
  when: {feature: search, missing: [messages, "header:x-retrieval"]}
  answer: {status: 422, body: "Search first."}
- {name: tools, when: {tools: true, maxTokens: ">4096"}, tier: mid}
- {name: long, when: {promptBytes: ">20000"}, tier: large}
timeouts: {total: 60s, firstToken: 10s, answer: 40s, betweenTokens: 10s, stream: 10m}
retries: {attempts: 1, retryOn: [connect, reset, timeout, overload, 5xx], budgetPercent: 20}
degrade: [{tier: mid}, {tier: large}]
breaker: {consecutive: 5, ejectFor: 10s}
"""


@contextmanager
def alias(engine: str) -> Iterator[Target]:
    """Engines that answer to the name that was asked for, as vLLM does with --served-model-name."""
    with _gateway(ALIAS, engine, dict.fromkeys((*TIERS, "light-canary"), MODEL)) as target:
        yield target


@contextmanager
def rewrite(engine: str) -> Iterator[Target]:
    """Engines with names of their own, so that each body is changed on its way. The canary is called as its tier is."""
    names = {name: f"engine-{name}" for name in TIERS} | {"light-canary": "engine-light"}
    models = {"0.5 KB": "engine-light", "8 KB": "engine-light", **dict.fromkeys(LONG, "engine-large")}
    with _gateway(REWRITE, engine, names, models) as target:
        yield target


@contextmanager
def _gateway(name: str, engine: str, names: dict[str, str], models: dict[str, str] | None = None) -> Iterator[Target]:
    host, _, port = engine.rpartition(":")
    described = fleet(*(model(one, called) for one, called in names.items()), policy(MODEL, POLICY))
    with ExitStack() as stack:
        # Our own threads for xDS inherit the core, too, but have nothing to do.
        with on_core(PROXY):
            gateway = stack.enter_context(
                RealGateway(described, {one: (host, int(port)) for one in names}, settings=AS_SERVED)
            )
        yield Target(name, f"{gateway.address[0]}:{gateway.address[1]}", gateway.envoy.pid, models or {})
