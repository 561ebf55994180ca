"""Tables that were rewritten after a snapshot was taken: what that snapshot reads of them may be nothing.

TRUNCATE and an ALTER TABLE that rewrites are not transactional for older snapshots: rows that the snapshot
should see are gone ("Caveats" of PostgreSQL's chapter on concurrency control). pg_dump's locks keep both
away, but only from when it has them.
"""

import psycopg

from restoredrill.engines.postgres.catalog import in_user_schema

# The snapshot sees the file a table had; the function sees the one it has.
_REWRITTEN = f"""
SELECT c.oid::regclass::text FROM pg_class c
 WHERE c.relkind IN ('r', 'm') AND c.relpersistence <> 't' AND c.relfilenode <> 0
   AND c.relfilenode <> coalesce(pg_relation_filenode(c.oid), 0)
   AND {in_user_schema("c.relnamespace")} ORDER BY 1"""


def rewritten(connection: psycopg.Connection) -> list[str]:
    """Names of such tables; dropped ones count. `connection` is a new one in the snapshot: an older one may
    have kept what it once read of the catalogues. Raises `psycopg.Error`.
    """
    return [name for (name,) in connection.execute(_REWRITTEN.encode())]
