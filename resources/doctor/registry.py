"""The checks by area, and how they are gone through."""

import os
from collections.abc import Iterator, Mapping
from typing import Final

from resources.clock import utc_now
from resources.doctor.clock import clock
from resources.doctor.database import database
from resources.doctor.disk import disk
from resources.doctor.feeds import alpha_vantage, yahoo
from resources.doctor.findings import Check, Finding, Outcome, Surroundings
from resources.doctor.interactive_brokers import interactive_brokers
from resources.doctor.monitoring import dagster, metrics
from resources.paths import free_bytes
from resources.settings import Settings
from schemas.errors import sentence_of

CHECKS: Final[Mapping[str, tuple[Check, ...]]] = {
    "feeds": (alpha_vantage, yahoo),
    "ib": (interactive_brokers,),
    "database": (database,),
    "monitoring": (metrics, dagster),
    "disk": (disk,),
    "clock": (clock,),
}
"""A new check is a function here."""


def this_machine(settings: Settings, *, ask: bool) -> Surroundings:
    """A desk on this machine, with its clock, its disks and this process's environment."""
    return Surroundings(
        settings=settings,
        environment=os.environ,
        now=utc_now,
        free_bytes=free_bytes,
        ask=ask,
    )


def examine(around: Surroundings, area: str | None = None) -> Iterator[Finding]:
    """What the checks find, all of them or those of one area. A check that breaks down has found that."""
    for name, checks in CHECKS.items():
        if area in (None, name):
            for check in checks:
                try:
                    yield from check(around)
                except Exception as error:
                    advice = "mend what it says; the checks that follow do not depend on it"
                    yield Finding(check.__name__, Outcome.FAIL, sentence_of(error), advice)
