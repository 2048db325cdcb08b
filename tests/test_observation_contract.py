"""The observation contract against the database, the frame's own order, and change without a version."""

import hashlib
import json

import psycopg
import pytest

from resources.database.schema.migrations import migrate
from resources.database.server import DatabaseServer
from schemas.observations import CONTRACT, observation_contract
from schemas.tables import FEATURES, Frame

DIGESTS = {1: "52ae812747f89c2879a5ed722c3d267f84741e0268efcc6ae1657bca2edc6b62"}
"""Of what each version says. A change of the contract is a new version with a line of its own; none is ever edited."""
NUMERIC = {"numeric", "bigint", "double precision"}


def test_the_contract_does_not_change_without_a_new_version():
    said = json.loads(CONTRACT.read_text())
    version = said.pop("version")
    canonical = json.dumps(said, sort_keys=True, separators=(",", ":"))
    assert DIGESTS[version] == hashlib.sha256(canonical.encode()).hexdigest()
    assert version == max(DIGESTS)


def test_28_numbers_in_their_order():
    names = observation_contract().names(("NVDA", "MSFT"))
    assert names == (
        *(f"NVDA.{name}" for name in FEATURES),
        *(f"MSFT.{name}" for name in FEATURES),
        "NVDA.position",
        "MSFT.position",
    )
    assert len(set(names)) == 28
    assert observation_contract().features == FEATURES
    assert observation_contract().names(("BRK.B", "BF-B"))[13] == "BF-B.open"


def test_every_number_is_described_and_its_bounds_hold_what_a_frame_allows():
    allowed = Frame.to_schema().columns
    for number in observation_contract().numbers:
        assert number.unit
        assert number.null
        assert number.low <= 0 < number.high  # 0 is what stands for a number that is not there
        if number.table == "dual_ticker_bars":
            assert (number.null == "never") == (not allowed[number.column].nullable), number.name


@pytest.mark.parametrize("database", ["postgres_url", "timescale_url"])
def test_every_column_is_in_the_database_with_a_type_of_numbers(request, database):
    url = request.getfixturevalue(database)
    migrate(DatabaseServer(url))
    with psycopg.connect(url) as connection:
        columns = {
            (table, column): (kind, nullable)
            for table, column, kind, nullable in connection.execute(
                "SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns "
                "WHERE table_schema = current_schema()"
            )
        }
    for number in observation_contract().numbers:
        kind, nullable = columns[number.table, number.column]
        assert kind in NUMERIC, number.name
        if number.null == "never":
            assert nullable == "NO", number.name
