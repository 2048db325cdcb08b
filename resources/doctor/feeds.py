"""The vendors of bars: is there a key, can they be reached. A counted request is spent only where that is allowed."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import pandas as pd
import requests

from resources.doctor.findings import Finding, Outcome, Surroundings
from resources.errors import FeedError
from resources.feeds.alpha_vantage_answers import KEY_VARIABLE
from resources.feeds.alpha_vantage_client import AlphaVantageClient
from resources.feeds.breaker import Breaker
from resources.feeds.line import Line
from resources.feeds.rate_limit import RateLimit, windows_of
from resources.paths import machine_state

SHOWN_OF_KEY = 2


def alpha_vantage(around: Surroundings) -> Iterator[Finding]:
    """The key and the plan; with `--ask`, whether the vendor takes the key."""
    settings, key = around.settings.alpha_vantage, around.environment.get(KEY_VARIABLE, "")
    details = {"address": settings.base_url, "plan": settings.plan, "entitlement": settings.entitlement}
    if not key:
        advice = f"put one into {KEY_VARIABLE} (.env), free at https://www.alphavantage.co/support/#api-key"
        yield Finding("alpha_vantage", around.unless_used("alpha_vantage"), "there is no key", advice, details)
        return
    said = f"key {key[:SHOWN_OF_KEY]}***, plan {settings.plan}"
    if not around.ask:
        yield Finding("alpha_vantage", Outcome.OK, f"{said}; not asked (--ask spends a request)", details=details)
        return
    try:
        last = _client(around, key).quote(around.settings.symbols[0])
    except FeedError as error:
        advice = "check the key, the plan (alpha_vantage.plan) and the network; `intraday feeds` tells more"
        yield Finding("alpha_vantage", around.unless_used("alpha_vantage"), str(error), advice, details)
        return
    yield Finding("alpha_vantage", Outcome.OK, f"{said}; {last.symbol} {last.price} USD on {last.day}", details=details)


def yahoo(around: Surroundings) -> Iterator[Finding]:
    """Whether the address answers at all; Yahoo has no key and counts nothing."""
    url = around.settings.yahoo.base_url
    name, details = "yahoo", {"address": url}
    try:
        with requests.get(
            url, timeout=around.settings.yahoo.timeout_seconds, stream=True, allow_redirects=False
        ) as got:
            status = got.status_code
    except requests.RequestException as error:
        said = f"{urlsplit(url).hostname} cannot be reached: {type(error).__name__}"
        yield Finding(name, around.unless_used(name), said, "check the network and any proxy", details)
        return
    troubled = status == requests.codes.too_many_requests or status >= 500
    advice = "wait, and ask again later" if troubled else ""
    outcome = Outcome.WARN if troubled else Outcome.OK
    yield Finding(name, outcome, f"{urlsplit(url).hostname} answers (status {status})", advice, details)


def _client(around: Surroundings, key: str) -> AlphaVantageClient:
    """The vendor as the desk has it, within its request limit; but it is asked although it may be down, and once."""
    settings = around.settings.alpha_vantage.model_copy(update={"attempts": 1})

    def now() -> pd.Timestamp:
        return pd.Timestamp(around.now())

    limit = RateLimit(machine_state() / "requests.sqlite3", settings.base_url, key, windows_of(settings.plan))
    line = Line(settings, Breaker("alpha_vantage", around.settings.breaker, now, lambda *_: None), limit)
    return AlphaVantageClient(settings, key, line)
