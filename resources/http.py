"""HTTP as every feed uses it: a time limit on each call, typed failures, no key in anything that is kept or shown."""

from collections.abc import Mapping

import requests

from resources.errors import Outage, RequestRefused, Throttled

MASK = "***"


def redact(text: str, secret: str | None) -> str:
    """The text with the secret masked."""
    return text.replace(secret, MASK) if secret else text


def get_text(
    client: requests.Session, url: str, params: Mapping[str, str], timeout: float, secret: str | None = None
) -> str:
    """The body of an answer with status 200.

    Raises:
        Throttled: status 429.
        RequestRefused: another status from 400 to 499.
        Outage: any other status, no connection, or silence for `timeout` seconds.

    """
    try:
        answer = client.get(url, params=params, timeout=timeout)
    except requests.RequestException as error:
        # The exception's text and its cause hold the whole URL: only its kind leaves this function.
        raise Outage(f"{redact(url, secret)} did not answer: {type(error).__name__}.") from None
    if answer.status_code == requests.codes.too_many_requests:
        raise Throttled(f"{redact(url, secret)} answered 429: too many requests.")
    if 400 <= answer.status_code < 500 and answer.status_code != requests.codes.request_timeout:
        raise RequestRefused(f"{redact(url, secret)} answered with status {answer.status_code}.")
    if answer.status_code != requests.codes.ok:
        raise Outage(f"{redact(url, secret)} answered with status {answer.status_code}.")
    return redact(answer.text, secret)
