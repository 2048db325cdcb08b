"""Fixtures that many tests share; what they are made of is in tests/support."""

pytest_plugins = ["tests.support.fixtures", "tests.support.desk"]
