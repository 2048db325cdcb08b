"""A webhook: an address that takes JSON. Whoever knows it may post there, so only its host is ever shown."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Final
from urllib.parse import urlsplit

import requests

from resources.alerting.messages import Message
from resources.errors import AlertNotSent, ConfigError
from resources.http import MASK, PATIENCE_SECONDS
from resources.in_time import in_time

URL_VARIABLE: Final = "ALERT_WEBHOOK_URL"
ACCEPTED: Final = range(200, 300)


@dataclass(frozen=True)
class Webhook:
    """Posts `text`, which Slack and its likes show, with the title and the alerts in fields beside it."""

    url: str = field(repr=False)
    timeout: float
    """Seconds for the whole of it."""
    name: str = "webhook"

    @property
    def shown(self) -> str:
        """Its host."""
        return f"the webhook at {urlsplit(self.url).hostname}"

    def send(self, message: Message) -> None:
        """Post it; any status from 200 to 299 is a yes.

        Raises:
            AlertNotSent: another status, no answer, or not in time.

        """
        late = AlertNotSent(f"{self.shown} did not answer within {self.timeout:g} s.")
        status = in_time(lambda: self._posted(message, late), self.timeout + PATIENCE_SECONDS, late)
        if status not in ACCEPTED:
            raise AlertNotSent(f"{self.shown} answered with status {status}.")

    def _posted(self, message: Message, late: AlertNotSent) -> int:
        body = {"text": f"*{message.title}*\n{message.text}", "title": message.title, **message.fields}
        try:
            with requests.post(self.url, json=body, timeout=self.timeout, stream=True, allow_redirects=False) as answer:
                return answer.status_code
        except requests.Timeout:
            raise late from None
        except requests.RequestException as error:
            # Its text and its cause hold the whole address.
            raise AlertNotSent(f"{self.shown} did not answer: {type(error).__name__}.") from None


def open_webhook(environment: Mapping[str, str], timeout: float) -> Webhook | None:
    """The webhook that the environment names, if it names one.

    Raises:
        ConfigError: it is no address.

    """
    url = environment.get(URL_VARIABLE, "").strip()
    if not url:
        return None
    try:
        parts = urlsplit(url)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        sound = False
    if not sound:
        raise ConfigError(f"{URL_VARIABLE} must be an address that begins with https:// or http://.")
    _keep_out_of_logs(url)
    return Webhook(url, timeout)


@cache
def _keep_out_of_logs(url: str) -> None:
    """Mask the path when somebody turns the HTTP library's log up."""
    parts = urlsplit(url)
    path = url.partition(parts.netloc)[2]

    def mask(record: logging.LogRecord) -> bool:
        if len(path) > 1 and isinstance(record.args, tuple):
            record.args = tuple(arg.replace(path, f"/{MASK}") if isinstance(arg, str) else arg for arg in record.args)
        return True

    logging.getLogger("urllib3.connectionpool").addFilter(mask)
