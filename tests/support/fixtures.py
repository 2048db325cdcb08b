"""Fixtures for tests against a real TimescaleDB: `pytest_plugins = ["tests.support.fixtures"]` makes them known.

Here: one server for the session, one empty database for each test that asks.
Not here: how a server comes to be (timescale.py); the extension and the schema, which the application creates.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from . import loaders, timescale
from .databases import database, migrated_template
from .loaders import Nursery


@pytest.fixture(scope="session")
def timescale_server_url() -> Iterator[str]:
    """The address of a server whose user may create databases. Skips where there is none, but fails in CI."""
    with ExitStack() as stack:
        try:
            url, reason = stack.enter_context(timescale.timescale_url()), ""
        except timescale.TimescaleUnavailable as unavailable:
            url, reason = "", " ".join(f"no TimescaleDB to test against: {unavailable}".split())  # one line
        if reason and os.environ.get("CI") == "true":
            pytest.fail(reason, pytrace=False)
        if reason:
            pytest.skip(reason)
        yield url


@pytest.fixture
def timescale_url(timescale_server_url: str) -> Iterator[str]:
    """The address of an empty database."""
    with database(timescale_server_url) as url:
        yield url


@pytest.fixture(scope="session")
def timescale_template(timescale_server_url: str) -> Iterator[str]:
    """The name of a database to copy, at this code's schema."""
    with migrated_template(timescale_server_url) as name:
        yield name


@pytest.fixture
def migrated_timescale_url(timescale_server_url: str, timescale_template: str) -> Iterator[str]:
    """The address of a database at this code's schema."""
    with database(timescale_server_url, timescale_template) as url:
        yield url


@pytest.fixture(params=["migrated_postgres_url", "migrated_timescale_url"])
def migrated_url(request: pytest.FixtureRequest) -> str:
    """The address of a database of either kind at this code's schema."""
    found: str = request.getfixturevalue(request.param)
    return found


@pytest.fixture(scope="session")
def own_server() -> Iterator[timescale.TimescaleServer]:
    """A server of the tests' own, that may be killed. Skips where there is none, but fails in CI."""
    with ExitStack() as stack:
        try:
            server = stack.enter_context(timescale.TimescaleServer(timescale.debian_bin_dir()))
        except timescale.TimescaleUnavailable as unavailable:
            reason = " ".join(f"no TimescaleDB that may be killed: {unavailable}".split())
            (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)
        yield server


@pytest.fixture
def own_url(own_server: timescale.TimescaleServer) -> Iterator[str]:
    """The address of an empty database on it."""
    with database(own_server.url()) as url:
        yield url


@pytest.fixture(scope="session")
def nursery() -> Nursery:
    """Starts processes that store sessions."""
    return loaders.nursery()
