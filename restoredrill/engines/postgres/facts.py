"""What a target must be like to hold a database, from the source's own catalogues."""

from typing import Any, Literal

import psycopg
from psycopg.rows import dict_row

from restoredrill.model import Extension, ServerFacts

_PROVIDERS: dict[str, Literal["libc", "icu", "builtin"]] = {"c": "libc", "i": "icu", "b": "builtin"}

# pg_database's columns differ: datlocprovider, daticulocale, datcollversion since 15; datlocale since 17.
_LOCALE = {
    17: "d.datlocprovider AS provider, d.datlocale AS locale, d.datcollversion AS version",
    15: "d.datlocprovider AS provider, d.daticulocale AS locale, d.datcollversion AS version",
    0: "'c' AS provider, NULL AS locale, NULL AS version",
}

_DATABASE = """
SELECT d.datname AS name, pg_catalog.pg_encoding_to_char(d.encoding) AS encoding,
       d.datcollate AS collate, d.datctype AS ctype,
       pg_catalog.pg_database_size(d.oid) AS size,
       pg_catalog.current_setting('server_version') AS server_version,
       pg_catalog.current_setting('data_checksums') AS checksums,
       (SELECT rolname FROM pg_catalog.pg_roles WHERE oid = 10) AS bootstrap,
       {locale}
  FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()
"""

_EXTENSIONS = """
SELECT e.extname, e.extversion, n.nspname FROM pg_catalog.pg_extension e
  JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace ORDER BY 1
"""

# Owners, grantees, policies' and settings' roles. What the bootstrap superuser (10) owns is not recorded.
_ROLES = """
SELECT r.rolname FROM pg_catalog.pg_roles r, pg_catalog.pg_database d
 WHERE d.datname = pg_catalog.current_database() AND (
       r.oid = 10 OR r.oid = d.datdba
       OR EXISTS (SELECT FROM pg_catalog.pg_db_role_setting s
                   WHERE s.setrole = r.oid AND s.setdatabase = d.oid)
       OR EXISTS (SELECT FROM pg_catalog.pg_shdepend p
                   WHERE p.refclassid = 'pg_catalog.pg_authid'::regclass AND p.refobjid = r.oid
                     AND (p.dbid = d.oid
                          OR p.classid = 'pg_catalog.pg_database'::regclass AND p.objid = d.oid)))
 ORDER BY 1
"""


def gather(connection: psycopg.Connection) -> ServerFacts:
    """The facts of the database that `connection` is in. `size_bytes` is that of its files, not of a dump."""
    version_num = connection.info.server_version
    locale = next(columns for since, columns in _LOCALE.items() if version_num // 10000 >= since)
    with connection.cursor(row_factory=dict_row) as cursor:
        row: dict[str, Any] | None = cursor.execute(_DATABASE.format(locale=locale).encode()).fetchone()
    assert row is not None
    extensions = connection.execute(_EXTENSIONS.encode()).fetchall()
    return ServerFacts(
        version=row["server_version"].split()[0],
        version_num=version_num,
        database=row["name"],
        encoding=row["encoding"],
        collate=row["collate"],
        ctype=row["ctype"],
        locale_provider=_PROVIDERS[row["provider"]],
        locale=row["locale"],
        collation_version=row["version"],
        size_bytes=row["size"],
        extensions=tuple(Extension(name=n, version=v, schema_name=s) for n, v, s in extensions),
        roles=tuple(name for (name,) in connection.execute(_ROLES.encode())),
        data_checksums=row["checksums"] == "on",
        bootstrap=row["bootstrap"],
    )
