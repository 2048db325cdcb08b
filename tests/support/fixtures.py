"""Fixtures for tests against a real TimescaleDB: `pytest_plugins = ["tests.support.fixtures"]` makes them known.

Here: one server for the session, one empty database for each test that asks.
Not here: how a server comes to be (timescale.py); the extension and the schema, which the application creates.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import ExitStack
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql

from . import timescale
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
    """The address of an empty database, dropped after the test together with whoever is still connected."""
    name = f"test_{secrets.token_hex(8)}"
    database = sql.Identifier(name)
    with psycopg.connect(timescale_server_url, autocommit=True) as connection:
        # template0: TimescaleDB's workers visit template1, which cannot be copied while somebody is connected to it.
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(database))
    try:
        yield urlsplit(timescale_server_url)._replace(path=f"/{name}").geturl()
    finally:
        with psycopg.connect(timescale_server_url, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(database))


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
    """The address of an empty database on it, as `timescale_url`."""
    name = f"test_{secrets.token_hex(8)}"
    database = sql.Identifier(name)
    with psycopg.connect(own_server.url(), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(database))
    yield own_server.url(name)
    with psycopg.connect(own_server.url(), autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(database))


@pytest.fixture(scope="session")
def nursery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    """Starts processes that store sessions."""
    with Nursery(tmp_path_factory.mktemp("nursery")) as started:
        yield started
