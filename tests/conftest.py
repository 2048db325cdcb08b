"""Fixtures that many tests share; what they are made of is in tests/support."""

import math
import os
import signal

import pytest

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A suite that a script starts in the background inherits that Ctrl-C is ignored, and so would all that it starts.
    signal.signal(signal.SIGINT, signal.default_int_handler)

pytest_plugins = [
    "tests.support.fixtures",
    "tests.support.monitored",
    "tests.support.debian_programs",
    "tests.support.desk",
    "tests.support.order_desk",
    "tests.support.browser",
]


def pytest_xdist_auto_num_workers() -> int:
    """Three workers for two cores: half of the time a test waits for a server, a process or a browser."""
    return math.ceil(1.5 * (os.cpu_count() or 1))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what takes minutes, unless it is asked for; begin with what takes many seconds."""
    if "long" not in config.getoption("-m"):
        config.hook.pytest_deselected(items=[item for item in items if item.get_closest_marker("long")])
        items[:] = [item for item in items if item.get_closest_marker("long") is None]
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)
