"""What processes that tests start are forked from: a server of this process that has imported and prepared everything.

Here: that server. Not here: what such a process does (`live_process`, `mortal_service`), commands (`loaders`).
"""

import multiprocessing
from functools import cache
from typing import Any

from resources.ib import library

PREPARED = (f"{__package__}.prepared", f"{__package__}.live_process", f"{__package__}.mortal_service", library.NAME)
"""All that is forked here: Python has one such server for a process, and it keeps to what it was first told."""


@cache
def forking() -> Any:
    """The context whose processes are forked there."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(PREPARED))
    return context
