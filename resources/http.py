"""HTTP as every feed uses it: a time limit on each call, typed failures, no key in anything that is kept or shown."""

import logging
import re
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

import pandas as pd
import requests
from urllib3.exceptions import HTTPError

from resources.errors import MalformedPayload, Outage, Throttled
from resources.in_time import in_time
from schemas.words import printable

MASK = "***"
KEY = re.compile(r"(apikey=)[^&\s]+", re.IGNORECASE)
SHOWN = 160
DAY_SECONDS = 86_400.0
PATIENCE_SECONDS = 0.5
PIECE = 65_536
LARGEST_ANSWER = 200_000_000
"""A year of one-minute bars is 10 MB: what is larger is no answer."""


def keep_keys_out_of_logs() -> None:
    """Mask keys in the addresses that the HTTP library logs when somebody turns its log up."""
    logging.getLogger("urllib3.connectionpool").addFilter(_mask_keys)


def _mask_keys(record: logging.LogRecord) -> bool:
    if isinstance(record.args, tuple):
        record.args = tuple(KEY.sub(rf"\1{MASK}", arg) if isinstance(arg, str) else arg for arg in record.args)
    return True


def redact(text: str, secret: str | None) -> str:
    """The text with the secret masked."""
    return text.replace(secret, MASK) if secret else text


def shown(text: str, limit: int = SHOWN) -> str:
    """The beginning of foreign text on one line, printable, so that it can stand in a message, a log or a database."""
    flat = " ".join(text[: 4 * limit].split())
    clean = printable(flat)
    return f"{clean[:limit]}…" if len(clean) > limit else clean or "an empty text"


def get_text(
    client: requests.Session, url: str, params: Mapping[str, str], timeout: float, secret: str | None = None
) -> str:
    """The body of an answer with status 200, complete within `timeout` seconds, with the secret masked.

    Raises:
        Throttled: status 429.
        Outage: another status, no connection, an answer that breaks off, or one that takes longer than `timeout`.
        MalformedPayload: another status from 400 to 499, or an answer that never ends.

    """
    late = Outage(f"{redact(url, secret)} was still answering when its time was over.")
    return in_time(lambda: _text(client, url, params, timeout, secret), timeout + PATIENCE_SECONDS, late)


def _text(client: requests.Session, url: str, params: Mapping[str, str], timeout: float, secret: str | None) -> str:
    address = redact(url, secret)
    deadline = time.monotonic() + timeout
    try:
        with client.get(url, params=params, timeout=timeout, stream=True, allow_redirects=False) as answer:
            _raise_for_status(answer, address)
            return redact(_body(answer, address, deadline), secret)
    except (requests.RequestException, HTTPError) as error:
        # The exception's text and its cause hold the whole URL: only its kind leaves this function.
        raise Outage(f"{address} did not answer: {type(error).__name__}.") from None


def _body(answer: requests.Response, address: str, deadline: float) -> str:
    """The whole body. The time limit of `requests` is one of silence: an answer that drips would never reach it."""
    content = bytearray()
    while piece := answer.raw.read1(PIECE, decode_content=True):
        content += piece
        if time.monotonic() > deadline:
            raise Outage(f"{address} was still answering when its time was over.")
        if len(content) > LARGEST_ANSWER:
            raise MalformedPayload(f"{address} sent more than {LARGEST_ANSWER:,} bytes.")
    return content.decode("utf-8", errors="replace")


def _raise_for_status(answer: requests.Response, address: str) -> None:
    code = answer.status_code
    if code == requests.codes.too_many_requests:
        wait = retry_after(answer.headers.get("Retry-After"))
        raise Throttled(f"{address} answered 429: too many requests.", pause_seconds=wait)
    if 400 <= code < 500 and code != requests.codes.request_timeout:
        raise MalformedPayload(f"{address} answered with status {code}.")  # a proxy's, perhaps: the vendor says 200
    if code != requests.codes.ok:
        raise Outage(
            f"{address} answered with status {code}.", pause_seconds=retry_after(answer.headers.get("Retry-After"))
        )


def retry_after(header: str | None) -> float | None:
    """The seconds of a `Retry-After` header, which holds seconds or a date; None where it says nothing readable.

    A day at most: what is further away is a mistake.
    """
    if not header:
        return None
    if re.fullmatch(r"\s*[0-9]{1,10}\s*", header):
        return min(float(header), DAY_SECONDS)
    try:
        when = pd.Timestamp(parsedate_to_datetime(header))
    except (ValueError, TypeError):
        return None
    if when.tzinfo is None:
        return None
    return min(max(0.0, (when - pd.Timestamp.now(tz="UTC")).total_seconds()), DAY_SECONDS)
