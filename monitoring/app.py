"""The pages and what machines ask, over HTTP. Every answer is made of the newest sample and waits for nothing.

How a sample comes about is `monitoring.sampling`'s matter, what it amounts to `monitoring.health`'s, on which address
all of this is served `monitoring.serving`'s. The dashboard is `monitoring.dashboard`'s.
"""

import time
from collections.abc import Callable
from datetime import datetime
from typing import Final, Protocol

from fastapi import FastAPI
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from prometheus_client import (
    CONTENT_TYPE_PLAIN_0_0_4,
    CollectorRegistry,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from monitoring.dashboard import HEADERS, dashboard
from monitoring.facts import Sample
from monitoring.health import health
from monitoring.metrics import exposition, metrics
from monitoring.serving import is_loopback
from monitoring.text import status_text
from resources.clock import utc_now
from schemas.monitoring import Level

ROOT: Final = "/monitoring"
JSON: Final = "application/json"
BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)
"""Seconds."""
NO_STORE: Final = {"Cache-Control": "no-store"}


class Samples(Protocol):
    """Whoever has the newest sample."""

    @property
    def sample(self) -> Sample:
        """The newest."""


def monitoring_app(samples: Samples, now: Callable[[], datetime] = utc_now, *, for_others: bool = False) -> FastAPI:
    """The application.

    Args:
        samples: has the newest sample.
        now: the clock, UTC.
        for_others: whether other machines may ask, by whatever name they have for this one.

    """
    app = FastAPI(title="Intraday monitoring", docs_url=None, redoc_url=None, openapi_url=None)
    disable_created_metrics()  # type: ignore[no-untyped-call]  # nobody asks when a path was first asked for
    answered = CollectorRegistry()
    seconds = Histogram(
        "intraday_http_request_duration_seconds",
        "How long an answer of this process took.",
        ["path", "code"],
        buckets=BUCKETS,
        registry=answered,
    )
    if not for_others:
        app.add_middleware(OwnNames)
    app.add_middleware(Measured, seconds=seconds)

    @app.get(f"{ROOT}/")
    async def page() -> Response:
        """The dashboard, for people."""
        sample, moment = samples.sample, now()
        return HTMLResponse(dashboard(sample, health(sample, moment), moment), headers=HEADERS)

    @app.get(f"{ROOT}/health")
    async def of_health() -> Response:
        """How the desk is doing; 503 where somebody must act now."""
        found = health(samples.sample, now())
        return Response(found.model_dump_json(indent=2), code_of(found.status), NO_STORE, JSON)

    @app.get(f"{ROOT}/live")
    async def live() -> Response:
        """That this process answers: nothing that happens to a desk is a reason to start it anew."""
        return Response('{"status": "alive"}', 200, NO_STORE, JSON)

    @app.get(f"{ROOT}/ready")
    async def ready() -> Response:
        """Whether there is something to tell: the stored state was read when it was last looked at."""
        database = health(samples.sample, now()).components.database
        return Response(database.model_dump_json(indent=2), code_of(database.level), NO_STORE, JSON)

    @app.get(f"{ROOT}/metrics")
    async def of_metrics() -> Response:
        """What Prometheus scrapes."""
        text = exposition(metrics(samples.sample, now())) + generate_latest(answered).decode()
        return Response(text, 200, NO_STORE, CONTENT_TYPE_PLAIN_0_0_4)

    @app.get(f"{ROOT}/status")
    async def status() -> Response:
        """How the desk is doing, for a terminal."""
        return PlainTextResponse(status_text(samples.sample, now()), headers=NO_STORE)

    return app


def code_of(level: Level) -> int:
    """503 where somebody must act now."""
    return 503 if level is Level.UNHEALTHY else 200


def name_in(host: str) -> str:
    """The name or address of a Host header, without its port."""
    return host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]


class OwnNames:
    """Answers only who asks this machine by a name of its own.

    A page from elsewhere whose name was made to lead to 127.0.0.1 could otherwise read, in a person's browser, what is
    meant for that person.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request on, or refuse it with 421."""
        if scope["type"] == "http" and not is_loopback(name_in(Headers(scope=scope).get("host", ""))):
            said = {"detail": "The monitor answers to 127.0.0.1, ::1 and localhost (monitoring.host)"}
            await JSONResponse(said, 421)(scope, receive, send)
            return
        await self._app(scope, receive, send)


class Measured:
    """Measures answers, and answers HEAD as GET (the server leaves the body out)."""

    def __init__(self, app: ASGIApp, seconds: Histogram) -> None:
        self._app, self._seconds = app, seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        asked = dict(scope, method="GET" if scope["method"] == "HEAD" else scope["method"])
        begun, code = time.perf_counter(), "500"

        async def told(message: Message) -> None:
            nonlocal code
            if message["type"] == "http.response.start":
                code = str(message["status"])
            await send(message)

        try:
            await self._app(asked, receive, told)
        finally:
            route = asked.get("route")
            path = "other" if route is None else route.path
            self._seconds.labels(path, code).observe(time.perf_counter() - begun)
