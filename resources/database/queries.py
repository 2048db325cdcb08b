"""The named queries of `sql/queries/`."""

from functools import cache
from typing import LiteralString

from resources.paths import SQL


@cache
def named_query(name: str) -> LiteralString:
    """The text of `sql/queries/<name>.sql`; values are bound as `%(name)s`, never formatted in."""
    return (SQL / "queries" / f"{name}.sql").read_text(encoding="utf-8")
