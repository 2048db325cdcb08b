"""Masks what must not stand in a message, a row or a log: keys, passwords, addresses that are secrets, accounts."""

import re
from collections.abc import Mapping
from typing import Final

from resources.http import KEY, MASK
from resources.ib.values import without_accounts

SECRET_NAMES: Final = re.compile(r"KEY|PASSWORD|SECRET|TOKEN|CREDENTIAL|^ALERT_WEBHOOK_URL$")
"""Variables whose values are secrets."""
SHORTEST: Final = 4
"""A shorter value would be found in words that have nothing to do with it."""
PASSWORD: Final = re.compile(r"(://[^\s:/@]*:)[^\s@]+(@)")
"""In an address."""


def masked(text: str, environment: Mapping[str, str]) -> str:
    """The text without the secrets of the environment, without keys and passwords in addresses, accounts shortened."""
    secrets = {value for name, value in environment.items() if SECRET_NAMES.search(name) and len(value) >= SHORTEST}
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, MASK)
    return without_accounts(PASSWORD.sub(rf"\1{MASK}\2", KEY.sub(rf"\1{MASK}", text)))
