"""Room on the disks on which this desk writes."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from resources.doctor.findings import Finding, Outcome, Surroundings
from resources.paths import nearest_existing

LITTLE: Final = 5 * 10**9
"""A year of two symbols' minutes with all that is landed is a gigabyte."""
TOO_LITTLE: Final = 10**9


def disk(around: Surroundings) -> Iterator[Finding]:
    """Home and landing zone: free room, and whether they may be written."""
    yield _folder("home", around.settings.home, around)
    landing = around.settings.landing_url
    if "://" in landing:
        yield Finding("landing", Outcome.OK, f"{landing} is no disk of this machine: not measured")
    else:
        yield _folder("landing", Path(landing), around)


def _folder(name: str, folder: Path, around: Surroundings) -> Finding:
    there = nearest_existing(folder)
    if not os.access(there, os.W_OK):
        return Finding(
            name, Outcome.FAIL, f"{there} may not be written by this user", "give it the right, or set INTRADAY_HOME"
        )
    free = around.free_bytes(str(there))
    outcome = Outcome.OK if free >= LITTLE else Outcome.WARN if free >= TOO_LITTLE else Outcome.FAIL
    advice = "" if outcome is Outcome.OK else "make room, or move it (INTRADAY_HOME, storage.landing)"
    return Finding(name, outcome, f"{free / 10**9:,.1f} GB free for {folder}", advice)
