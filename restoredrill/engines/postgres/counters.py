"""Sequences against the columns that take their numbers from them."""

from collections.abc import Iterator
from dataclasses import dataclass

import psycopg

from restoredrill.engines.postgres.catalog import in_user_schema, ours
from restoredrill.protocols import Flaw

# Columns whose default is the next number and nothing else, and identity columns; of a partitioned table the
# one at the top speaks for all. A sequence that cycles hands out numbers again on purpose.
_USED = f"""
WITH used AS (
    SELECT d.refobjid AS sequence, e.adrelid AS relation, e.adnum AS number
      FROM pg_attrdef e JOIN pg_depend d ON d.classid = 'pg_attrdef'::regclass AND d.objid = e.oid
     WHERE d.refclassid = 'pg_class'::regclass
       AND pg_get_expr(e.adbin, e.adrelid) ~ '^[(]*nextval[(]''.*''::regclass[)]+(::[a-z ]+[)]*)?$'
    UNION
    SELECT d.objid, d.refobjid, d.refobjsubid FROM pg_depend d
     WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass
       AND d.deptype = 'i' AND d.refobjsubid > 0)
SELECT DISTINCT s.oid::regclass::text, c.oid::regclass::text, quote_ident(a.attname), q.seqincrement > 0
  FROM used u
  JOIN pg_class s ON s.oid = u.sequence AND s.relkind = 'S'
  JOIN pg_sequence q ON q.seqrelid = s.oid
  JOIN pg_class c ON c.oid = u.relation AND c.relkind IN ('r', 'p')
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = u.number AND NOT a.attisdropped
  JOIN pg_type t ON t.oid = a.atttypid
 WHERE t.typcategory = 'N' AND NOT q.seqcycle AND NOT c.relispartition AND c.relpersistence <> 't'
   AND {in_user_schema("c.relnamespace")} AND {ours("pg_class", "c")} ORDER BY 1, 2, 3"""


@dataclass(frozen=True)
class _Counter:
    sequence: str
    table: str
    column: str
    upwards: bool

    @property
    def query(self) -> str:
        """Is there a number at or beyond the one that comes next."""
        end, beyond = ("max", ">=") if self.upwards else ("min", "<=")
        following = "CASE WHEN s.is_called THEN s.last_value::numeric + q.seqincrement ELSE s.last_value END"
        return (
            f"SELECT (SELECT {end}({self.column}) FROM {self.table}) {beyond} {following}"
            f" FROM {self.sequence} s, pg_sequence q WHERE q.seqrelid = '{_literal(self.sequence)}'::regclass"
        )


def behind(connection: psycopg.Connection) -> Iterator[Flaw]:
    """A flaw for each sequence that would hand out numbers that a column of its holds already.

    Raises `psycopg.Error`.
    """
    for row in connection.execute(_USED.encode()).fetchall():
        counter = _Counter(*row)
        answer = connection.execute(counter.query.encode(connection.info.encoding)).fetchone()
        if answer is not None and answer[0]:
            where = f"{counter.table}.{counter.column}"
            message = f"sequence {counter.sequence} would hand out numbers again that {where} holds already"
            yield Flaw("SEQUENCE_BEHIND", counter.sequence, message)


def _literal(name: str) -> str:
    return name.replace("'", "''")
