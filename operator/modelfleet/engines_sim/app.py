"""Which path is answered by what: a raw ASGI app, for a framework would cost more than the answers do."""

import asyncio
import json
import math
import time
from collections.abc import Awaitable, Callable, Sequence

from modelfleet.engines_sim.behaviour import Behaviour, as_json, changed
from modelfleet.engines_sim.exchange import TEXT, Exchange, Gone, Receive, Refused, Scope, Send
from modelfleet.engines_sim.faults import Broken
from modelfleet.engines_sim.fields import Invalid
from modelfleet.engines_sim.generation import Generation, chat_work, completion_work, embeddings_work

Handler = Callable[[Exchange], Awaitable[None]]

_MODEL = "/v1/models/"


class App:
    """One engine: the models it serves, and the behaviour it was declared with."""

    def __init__(self, models: Sequence[str], declared: Behaviour) -> None:
        self._declared = declared
        self._generation = Generation(frozenset(models), declared)
        self._models = {name: _card(name) for name in models}
        self._warm_at = 0.0
        self._cool_down(declared)
        generate = self._generation.run
        self._routes: dict[str, dict[str, Handler]] = {
            "/v1/chat/completions": {"POST": lambda exchange: generate(exchange, chat_work)},
            "/v1/completions": {"POST": lambda exchange: generate(exchange, completion_work)},
            "/v1/embeddings": {"POST": lambda exchange: generate(exchange, embeddings_work)},
            "/v1/models": {"GET": self._list},
            "/health": {"GET": self._health},
            "/metrics": {"GET": self._tell_metrics},
            "/sim/behaviour": {"GET": self._tell, "POST": self._change, "DELETE": self._restore},
        }
        self._model_route: dict[str, Handler] = {"GET": self._model}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = Exchange(scope, receive, send)
        connection = exchange.connection
        connection.task = asyncio.current_task()
        try:
            await exchange.read(scope["headers"])
            await self._serve(exchange)
        except (Gone, asyncio.CancelledError):
            # Nobody is left to answer. A task that ends in an exception would be logged as a bug of the app.
            return
        finally:
            connection.task = None
            if exchange.method == "POST" and exchange.path.startswith("/v1/"):
                self._generation.metrics.requests[exchange.path, exchange.status] += 1

    async def _serve(self, exchange: Exchange) -> None:
        try:
            await self._handler(exchange)(exchange)
        except Refused as refused:
            await exchange.refuse(refused)
        except Broken as broken:
            await exchange.connection.end(reset=broken.reset)

    def _handler(self, exchange: Exchange) -> Handler:
        if self._warm_at and not exchange.path.startswith("/sim/"):
            left = self._warm_at - time.monotonic()
            if left > 0:
                later = (b"retry-after", b"%d" % math.ceil(left))
                raise Refused(503, "The engine is still loading its weights.", headers=(later,))
            self._warm_at = 0.0
        methods = self._routes.get(exchange.path)
        if methods is None and exchange.path.startswith(_MODEL):
            methods = self._model_route
        if methods is None:
            raise Refused(404, f"There is nothing at {exchange.path}.")
        handler = methods.get(exchange.method)
        if handler is None:
            allowed = (b"allow", ", ".join(methods).encode())
            raise Refused(405, f"{exchange.path} takes {' or '.join(methods)}.", headers=(allowed,))
        return handler

    async def _list(self, exchange: Exchange) -> None:
        await exchange.answer(json.dumps({"object": "list", "data": list(self._models.values())}).encode())

    async def _model(self, exchange: Exchange) -> None:
        name = exchange.path.removeprefix(_MODEL)
        if name not in self._models:
            raise Refused(404, f"The model `{name}` does not exist.", param="model")
        await exchange.answer(json.dumps(self._models[name]).encode())

    async def _health(self, exchange: Exchange) -> None:
        await exchange.answer(b"")

    async def _tell_metrics(self, exchange: Exchange) -> None:
        generation = self._generation
        await exchange.answer(generation.metrics.text(generation.slots), (TEXT,))

    async def _tell(self, exchange: Exchange) -> None:
        await exchange.answer(json.dumps(as_json(self._generation.behaviour)).encode())

    async def _change(self, exchange: Exchange) -> None:
        try:
            behaviour = changed(self._generation.behaviour, exchange.body, one_request=False)
        except Invalid as invalid:
            raise Refused(400, str(invalid)) from None
        self._generation.behave(behaviour)
        # A change of something else cools nothing down.
        if b'"cold_start"' in exchange.body:
            self._cool_down(behaviour)
        await self._tell(exchange)

    async def _restore(self, exchange: Exchange) -> None:
        self._generation.behave(self._declared)
        self._warm_at = 0.0
        await self._tell(exchange)

    def _cool_down(self, behaviour: Behaviour) -> None:
        self._warm_at = time.monotonic() + behaviour.cold_start if behaviour.cold_start else 0.0


def _card(name: str) -> dict[str, object]:
    return {"id": name, "object": "model", "created": int(time.time()), "owned_by": "modelfleet-sim"}
