"""Columns as users write them, and as the database spells them."""

from collections.abc import Sequence

from restoredrill.errors import QueryFailed
from restoredrill.protocols import Database

_COLUMN = """
WITH RECURSIVE found AS (
    SELECT a.attname, a.atttypid AS type FROM pg_attribute a
     WHERE a.attrelid = %s::regclass AND a.attname = ANY (%s) AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL
    SELECT f.attname, t.typbasetype FROM found f JOIN pg_type t ON t.oid = f.type WHERE t.typtype = 'd')
SELECT quote_ident(f.attname), format_type(f.type, NULL) FROM found f JOIN pg_type t ON t.oid = f.type
 WHERE t.typtype <> 'd' ORDER BY f.attname = %s DESC"""


def column(database: Database, table: str, name: str, timeout_s: float) -> tuple[str, str]:
    """A column's quoted name and its type; of a domain, the type it is made of. `table` as `Database.table`
    gives it. Raises `QueryFailed` (operation `find column`) if there is none.
    """
    spelt = spellings(name)
    found = database.query(_COLUMN, timeout_s, [table, spelt, spelt[0]]).rows
    if not found:
        raise QueryFailed("find column", table, f"{table} has no column {name}")
    return str(found[0][0]), str(found[0][1])


def columns(database: Database, table: str, names: Sequence[str], timeout_s: float) -> list[str]:
    """The quoted names of several; see `column`."""
    return [column(database, table, name, timeout_s)[0] for name in names]


def spellings(name: str) -> list[str]:
    """The names a column may have, likeliest first: SQL folds it, but people write what they see."""
    if len(name) > 1 and name[0] == name[-1] == '"':
        return [name[1:-1].replace('""', '"')]
    return list(dict.fromkeys((name.lower(), name)))
