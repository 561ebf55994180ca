"""Who owns what, who may do what, and what is said about it: kinds that refer to objects of other kinds.

Their identities start with the kind and identity of the object they belong to: `table public.orders`,
`function public.total(integer) to reporting`.
"""

from collections.abc import Mapping
from typing import Final

from restoredrill.engines.postgres.catalog import in_user_schema, named, ours

_RELKIND = """CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'S' THEN 'sequence'
       WHEN 'f' THEN 'foreign table' ELSE 'table' END"""
_PROKIND = "CASE p.prokind WHEN 'a' THEN 'aggregate' WHEN 'p' THEN 'procedure' ELSE 'function' END"

# The bootstrap superuser owns the `public` schema of an older server, whatever it is called there.
_SCHEMA_OWNER = (
    "CASE WHEN n.nspname = 'public' AND n.nspowner = 10 THEN '(bootstrap)'"
    " ELSE pg_get_userbyid(n.nspowner) END"
)


def _owner(kind: str, identity: str, owner: str, source: str) -> str:
    return f"SELECT {kind} || ' ' || {identity}, pg_get_userbyid({owner})::text FROM {source}"


def _placed(catalog: str, row: str, prefix: str) -> str:
    """A catalogue's rows that users made in schemas."""
    return f"{catalog} {row} WHERE {in_user_schema(f'{row}.{prefix}namespace')} AND {ours(catalog, row)}"


def _for_method(row: str, prefix: str) -> str:
    return f"{named(row, prefix)} || ' for ' || (SELECT amname FROM pg_am WHERE oid = {row}.{prefix}method)"


_OWNERS = (
    (
        f"SELECT 'schema ' || quote_ident(n.nspname), {_SCHEMA_OWNER} FROM pg_namespace n"
        f" WHERE {in_user_schema('n.oid')} AND {ours('pg_namespace', 'n')}"
    ),
    _owner(_RELKIND, "c.oid::regclass", "c.relowner", _placed("pg_class", "c", "rel"))
    + " AND c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND c.relpersistence <> 't'",
    _owner(_PROKIND, "p.oid::regprocedure", "p.proowner", _placed("pg_proc", "p", "pro")),
    _owner("'type'", "t.oid::regtype", "t.typowner", _placed("pg_type", "t", "typ"))
    + """ AND t.typtype <> 'm' AND NOT EXISTS (SELECT FROM pg_type e WHERE e.typarray = t.oid)
   AND NOT EXISTS (SELECT FROM pg_class r WHERE r.oid = t.typrelid AND r.relkind <> 'c')""",
    _owner("'collation'", "c.oid::regcollation", "c.collowner", _placed("pg_collation", "c", "coll")),
    _owner("'conversion'", named("c", "con"), "c.conowner", _placed("pg_conversion", "c", "con")),
    _owner("'operator'", "o.oid::regoperator", "o.oprowner", _placed("pg_operator", "o", "opr")),
    _owner("'operator class'", _for_method("o", "opc"), "o.opcowner", _placed("pg_opclass", "o", "opc")),
    _owner("'operator family'", _for_method("f", "opf"), "f.opfowner", _placed("pg_opfamily", "f", "opf")),
    _owner(
        "'text search dictionary'", "d.oid::regdictionary", "d.dictowner", _placed("pg_ts_dict", "d", "dict")
    ),
    _owner(
        "'text search configuration'", "c.oid::regconfig", "c.cfgowner", _placed("pg_ts_config", "c", "cfg")
    ),
    _owner("'statistics'", named("s", "stx"), "s.stxowner", _placed("pg_statistic_ext", "s", "stx")),
    _owner("'publication'", "quote_ident(p.pubname)", "p.pubowner", "pg_publication p"),
    _owner("'event trigger'", "quote_ident(e.evtname)", "e.evtowner", "pg_event_trigger e")
    + f" WHERE {ours('pg_event_trigger', 'e')}",
    _owner("'foreign-data wrapper'", "quote_ident(f.fdwname)", "f.fdwowner", "pg_foreign_data_wrapper f")
    + f" WHERE {ours('pg_foreign_data_wrapper', 'f')}",
    _owner("'server'", "quote_ident(s.srvname)", "s.srvowner", "pg_foreign_server s"),
    _owner("'language'", "quote_ident(l.lanname)", "l.lanowner", "pg_language l")
    + f" WHERE l.oid >= 16384 AND {ours('pg_language', 'l')}",
    _owner("'database'", "'itself'", "d.datdba", "pg_database d") + " WHERE d.datname = current_database()",
)


def _granted(catalog: str, number: str, what: str, owner: str, acl: str, letter: str, source: str) -> str:
    """Rows of one catalogue with grants: which object, its owner, its grants, and those it was born with."""
    born = f"coalesce(i.initprivs, acldefault({letter}, {owner}))"
    if catalog == "pg_namespace":
        # Majors differ in what `public` is born with: told in full it can be compared.
        born = f"CASE WHEN n.nspname = 'public' THEN acldefault('c', {owner}) ELSE {born} END"
    return f"""
SELECT {what} AS what, {owner} AS owner, {acl} AS acl,
       {born} AS base, i.objoid IS NOT NULL AS system
  FROM {source} LEFT JOIN pg_init_privs i
    ON i.classoid = '{catalog}'::regclass AND i.objoid = {number} AND i.objsubid = 0
      WHERE {acl} IS NOT NULL"""


# initdb makes information_schema after recording what objects are born with, and pg_dump passes it over.
_DUMPED_SCHEMA = "{}namespace IS DISTINCT FROM to_regnamespace('information_schema')"

# Objects of the system and of extensions too: a grant on a function of an extension is in a dump.
_GRANTED = (
    _granted(
        "pg_namespace",
        "n.oid",
        "'schema ' || quote_ident(n.nspname)",
        "n.nspowner",
        "n.nspacl",
        "'n'",
        "pg_namespace n",
    )
    + " AND n.nspname <> 'information_schema'",
    _granted(
        "pg_class",
        "c.oid",
        f"{_RELKIND} || ' ' || c.oid::regclass",
        "c.relowner",
        "c.relacl",
        "CASE c.relkind WHEN 'S' THEN 's'::\"char\" ELSE 'r' END",
        "pg_class c",
    )
    + f" AND c.relpersistence <> 't' AND c.{_DUMPED_SCHEMA.format('rel')}",
    _granted(
        "pg_proc",
        "p.oid",
        f"{_PROKIND} || ' ' || p.oid::regprocedure",
        "p.proowner",
        "p.proacl",
        "'f'",
        "pg_proc p",
    )
    + f" AND p.{_DUMPED_SCHEMA.format('pro')}",
    _granted("pg_type", "t.oid", "'type ' || t.oid::regtype", "t.typowner", "t.typacl", "'T'", "pg_type t")
    + f" AND t.{_DUMPED_SCHEMA.format('typ')}",
    _granted(
        "pg_language",
        "l.oid",
        "'language ' || quote_ident(l.lanname)",
        "l.lanowner",
        "l.lanacl",
        "'l'",
        "pg_language l",
    ),
    _granted(
        "pg_foreign_data_wrapper",
        "f.oid",
        "'foreign-data wrapper ' || quote_ident(f.fdwname)",
        "f.fdwowner",
        "f.fdwacl",
        "'F'",
        "pg_foreign_data_wrapper f",
    ),
    _granted(
        "pg_foreign_server",
        "s.oid",
        "'server ' || quote_ident(s.srvname)",
        "s.srvowner",
        "s.srvacl",
        "'S'",
        "pg_foreign_server s",
    ),
    _granted("pg_database", "d.oid", "'database itself'", "d.datdba", "d.datacl", "'d'", "pg_database d")
    + " AND d.datname = current_database()",
    """
SELECT 'column ' || c.oid::regclass || '.' || quote_ident(a.attname), c.relowner, a.attacl,
       coalesce(i.initprivs, acldefault('c', c.relowner)), i.objoid IS NOT NULL
  FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid AND c.relpersistence <> 't'
  LEFT JOIN pg_init_privs i
    ON i.classoid = 'pg_class'::regclass AND i.objoid = c.oid AND i.objsubid = a.attnum
 WHERE a.attacl IS NOT NULL AND c.relnamespace IS DISTINCT FROM to_regnamespace('information_schema')""",
)


def _role(number: str) -> str:
    """A role's name; of a system object, the bootstrap superuser is called the same on every server."""
    return (
        f"CASE WHEN {number} = 0 THEN 'PUBLIC' WHEN {number} = 10 AND system THEN '(bootstrap)'"
        f" ELSE quote_ident(pg_get_userbyid({number})) END"
    )


# What differs from the grants that an object was born with, by grantee; who granted, if not the owner.
_GRANTS = f"""
WITH object AS ({" UNION ALL ".join(_GRANTED)}),
entry AS (
  SELECT what, system, grantee, side, privilege_type || CASE WHEN is_grantable THEN '*' ELSE '' END
         || CASE WHEN grantor <> owner THEN ' by ' || {_role("grantor")} ELSE '' END AS privilege
    FROM object CROSS JOIN LATERAL (
         SELECT 'now' AS side, n.* FROM aclexplode(acl) n
         UNION ALL SELECT 'born', b.* FROM aclexplode(base) b) e
   WHERE acl IS DISTINCT FROM base),
said AS (
  SELECT what, system, grantee,
         string_agg(privilege, ', ' ORDER BY privilege COLLATE "C") FILTER (WHERE side = 'now') AS now,
         string_agg(privilege, ', ' ORDER BY privilege COLLATE "C") FILTER (WHERE side = 'born') AS born
    FROM entry GROUP BY what, system, grantee)
SELECT what || ' to ' || {_role("grantee")}, coalesce(now, 'nothing')
  FROM said WHERE now IS DISTINCT FROM born"""

# Comments on what initdb made are initdb's, but for one on the schema `public`, which pg_dump 14 loses.
_COMMENTS = """
SELECT i.type || ' ' || i.identity, d.description
  FROM pg_description d, LATERAL pg_identify_object(d.classoid, d.objoid, d.objsubid) i
 WHERE (d.objoid >= 16384 OR d.classoid = 'pg_namespace'::regclass AND d.objoid = to_regnamespace('public')
        AND current_setting('server_version_num')::int >= 150000)
   AND d.classoid <> 'pg_subscription'::regclass AND i.identity IS NOT NULL
   AND NOT EXISTS (SELECT FROM pg_depend x WHERE x.classid = d.classoid AND x.objid = d.objoid
      AND x.deptype = 'e')
UNION ALL SELECT 'database itself', d.description FROM pg_shdescription d
 WHERE d.classoid = 'pg_database'::regclass
   AND d.objoid = (SELECT oid FROM pg_database WHERE datname = current_database())"""

_LABELS = """
SELECT i.type || ' ' || i.identity || ' by ' || l.provider, l.label
  FROM pg_seclabel l, LATERAL pg_identify_object(l.classoid, l.objoid, l.objsubid) i
 WHERE i.identity IS NOT NULL AND l.classoid <> 'pg_subscription'::regclass
   AND NOT EXISTS (SELECT FROM pg_depend x WHERE x.classid = l.classoid AND x.objid = l.objoid
      AND x.deptype = 'e')
UNION ALL SELECT 'database itself by ' || l.provider, l.label FROM pg_shseclabel l
 WHERE l.classoid = 'pg_database'::regclass
   AND l.objoid = (SELECT oid FROM pg_database WHERE datname = current_database())"""

# Roles that own or may do something here, and whose members they are; not the bootstrap superuser.
_ROLES = """
SELECT quote_ident(r.rolname), (SELECT string_agg(quote_ident(g.rolname), ', ' ORDER BY g.rolname COLLATE "C")
    FROM pg_roles g WHERE EXISTS (SELECT FROM pg_auth_members m WHERE m.member = r.oid AND m.roleid = g.oid))
  FROM pg_roles r
 WHERE r.rolname !~ '^pg_' AND r.oid IN (
       SELECT s.refobjid FROM pg_shdepend s
         JOIN pg_database d ON d.oid = s.dbid AND d.datname = current_database()
        WHERE s.refclassid = 'pg_authid'::regclass)"""

RIGHTS: Final[Mapping[str, str]] = {
    "owner": " UNION ALL ".join(_OWNERS),
    "grant": _GRANTS,
    "comment": _COMMENTS,
    "security label": _LABELS,
    "role": _ROLES,
}
