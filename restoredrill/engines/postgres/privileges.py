"""What a role may not read of what belongs in a dump: asked of the catalogues before anything is dumped.

pg_dump stops at the first table it may not read, and only when it comes to it.
"""

import psycopg

_NAMED_AT_MOST = 200  # of each kind; a role without any right is told so, not listed 40,000 times

# What pg_dump locks or reads: not what belongs to an extension, unless its rows are marked as configuration.
_DUMPED = """
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_catalog.pg_depend d
    ON d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.objsubid = 0
   AND d.refclassid = 'pg_catalog.pg_extension'::regclass AND d.deptype = 'e'
  LEFT JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid
 WHERE c.relpersistence <> 't'
   AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
   AND (e.oid IS NULL OR c.oid = ANY (e.extconfig))
"""

_SCHEMAS = f"""
SELECT DISTINCT n.nspname {_DUMPED} AND c.relkind IN ('r', 'p', 'S')
   AND NOT pg_catalog.has_schema_privilege(n.oid, 'USAGE') ORDER BY 1
"""

_RELATIONS = f"""
SELECT CASE c.relkind WHEN 'S' THEN 'sequence' ELSE 'table' END,
       pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname),
       CASE WHEN NOT pg_catalog.has_table_privilege(c.oid, 'SELECT') THEN 'no SELECT'
            ELSE 'row security hides rows' END
       {_DUMPED} AND c.relkind IN ('r', 'p', 'S')
   AND (NOT pg_catalog.has_table_privilege(c.oid, 'SELECT')
        OR c.relkind = 'r' AND c.relrowsecurity AND pg_catalog.row_security_active(c.oid))
 ORDER BY 1 DESC, 2 LIMIT %s
"""

# has_largeobject_privilege came with 18. Before it the owner and the grants decide, superusers aside.
_LARGE_OBJECTS_18 = """
SELECT m.oid FROM pg_catalog.pg_largeobject_metadata m
 WHERE NOT pg_catalog.has_largeobject_privilege(m.oid, 'SELECT') ORDER BY 1 LIMIT %s
"""
_LARGE_OBJECTS = """
SELECT m.oid FROM pg_catalog.pg_largeobject_metadata m
 WHERE NOT pg_catalog.pg_has_role(m.lomowner, 'USAGE')
   AND pg_catalog.current_setting('lo_compat_privileges') = 'off'
   AND NOT EXISTS (
       SELECT FROM pg_catalog.aclexplode(m.lomacl) a
        WHERE a.privilege_type = 'SELECT'
          AND (a.grantee = 0 OR pg_catalog.pg_has_role(a.grantee, 'USAGE')))
 ORDER BY 1 LIMIT %s
"""

_SUBSCRIPTIONS = """
SELECT s.subname FROM pg_catalog.pg_subscription s
  JOIN pg_catalog.pg_database d ON d.oid = s.subdbid AND d.datname = pg_catalog.current_database() ORDER BY 1
"""
# The view hides options from everybody but the mapping's user, the server's owner and superusers.
_HIDDEN_MAPPINGS = """
SELECT count(*) FROM pg_catalog.pg_user_mappings u
  JOIN pg_catalog.pg_foreign_server f ON f.oid = u.srvid
 WHERE u.umoptions IS NULL AND NOT pg_catalog.pg_has_role(f.srvowner, 'USAGE')
"""
_UNLOGGED = f"SELECT count(*) {_DUMPED} AND c.relkind = 'r' AND c.relpersistence = 'u'"
_FOREIGN = f"SELECT count(*) {_DUMPED} AND c.relkind = 'f'"


def unreadable(connection: psycopg.Connection) -> list[str]:
    """Everything that belongs in a dump and may not be read, one line each; empty: a dump will be whole.

    `table public.payroll (no SELECT)`, `schema hr (no USAGE)`, `large object 16412 (no SELECT)`,
    `table public.tenants (row security hides rows)`.
    """
    schemas = connection.execute(_SCHEMAS.encode()).fetchall()
    relations = connection.execute(_RELATIONS.encode(), [_NAMED_AT_MOST]).fetchall()
    objects = _LARGE_OBJECTS_18 if connection.info.server_version >= 180000 else _LARGE_OBJECTS
    large = connection.execute(objects.encode(), [_NAMED_AT_MOST]).fetchall()
    return [
        *(f"schema {name} (no USAGE)" for (name,) in schemas),
        *(f"{kind} {name} ({why})" for kind, name, why in relations),
        *(f"large object {oid} (no SELECT)" for (oid,) in large),
    ]


def left_out(connection: psycopg.Connection) -> list[str]:
    """What a dump leaves out on purpose, as notes for whoever restores it."""
    notes = []
    subscriptions = [name for (name,) in connection.execute(_SUBSCRIPTIONS)]
    if subscriptions:
        names = ", ".join(subscriptions)
        notes.append(
            f"subscriptions are not in the backup, a copy must not connect to the publisher: {names}"
        )
    hidden = _number(connection, _HIDDEN_MAPPINGS)
    if hidden:
        notes.append(f"options of user mappings may be missing, this role may not see them: {hidden}")
    foreign = _number(connection, _FOREIGN)
    if foreign:
        notes.append(f"rows of foreign tables live elsewhere and are not in the backup: {foreign}")
    if _standby(connection):
        unlogged = _number(connection, _UNLOGGED)
        if unlogged:
            notes.append(f"unlogged tables are empty on a standby and in this backup: {unlogged}")
    return notes


def may_read_passwords(connection: psycopg.Connection) -> bool:
    """Can this role read the password hashes of roles? Managed services allow it to nobody."""
    return bool(_answer(connection, "SELECT has_table_privilege('pg_catalog.pg_authid', 'SELECT')"))


def _standby(connection: psycopg.Connection) -> bool:
    return bool(_answer(connection, "SELECT pg_catalog.pg_is_in_recovery()"))


def _number(connection: psycopg.Connection, query: str) -> int:
    return int(str(_answer(connection, query)))


def _answer(connection: psycopg.Connection, query: str) -> object:
    row = connection.execute(query.encode()).fetchone()
    return row[0] if row else 0
