"""Fixtures that many tests share; what they are made of is in tests/support."""

import pytest

pytest_plugins = ["tests.support.fixtures", "tests.support.desk"]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what takes minutes, unless it is asked for."""
    if "long" not in config.getoption("-m"):
        short = [item for item in items if item.get_closest_marker("long") is None]
        config.hook.pytest_deselected(items=[item for item in items if item not in short])
        items[:] = short
