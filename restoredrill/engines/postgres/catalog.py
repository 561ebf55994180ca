"""Every kind of object that an inventory lists: one query a kind, each giving (identity, definition) texts.

Identities are quoted and qualified. A definition holds what the source's owner decided (never a row, never an
OID) and nothing that a restore may change without harm. They need `search_path` to be empty, so that every
name in them is qualified. `$name` stands for what differs between majors, see inventory.py.

Left out on purpose: whatever belongs to an extension (it comes with the extension), temporary and system
schemas, tablespaces (a restore puts everything into one), subscriptions (a copy must not connect to the
publisher), and indexes that are not valid on the source (pg_dump leaves them out).
"""

from collections.abc import Mapping
from typing import Final

# pg_get_expr and its kin do not print one text for one meaning: a restored `IN` list over a varchar reads
# `ARRAY[('a'::varchar)::text]` where the original read `(ARRAY['a'::varchar])::text[]`. Where there is an
# array, casts, parentheses and blanks are left out of the comparison, and nowhere else.
_CAST = (
    r'::(?:[a-z_0-9]+\.|"[^"]*"\.)?(?:"[^"]*"|[a-z_][a-z_0-9]*(?: [a-z_][a-z_0-9]*)*)'
    r"(?:\([0-9, ]+\))?(?:\[\])*"
)


def loose(text: str) -> str:
    """A deparsed expression so that two servers say the same of the same; see above."""
    return (
        f"(SELECT CASE WHEN strpos(d, 'ARRAY[') > 0 THEN translate(regexp_replace(d, '{_CAST}', '', 'g'),"
        f" '() ' || chr(10), '') ELSE d END FROM (SELECT {text} AS d OFFSET 0) loose)"
    )


def ours(catalog: str, row: str) -> str:
    """No member of an extension."""
    return (
        f"NOT EXISTS (SELECT FROM pg_depend x WHERE x.classid = '{catalog}'::regclass AND x.objid = {row}.oid"
        " AND x.deptype = 'e')"
    )


def in_user_schema(namespace: str) -> str:
    """Not of the system, and not temporary."""
    return (
        f"{namespace} IN (SELECT oid FROM pg_namespace"
        " WHERE nspname !~ '^pg_' AND nspname <> 'information_schema')"
    )


def in_order(array: str) -> str:
    """A text[] as one text that does not depend on its order."""
    return f"""(SELECT string_agg(o, ', ' ORDER BY o COLLATE "C") FROM unnest({array}) o)"""


def named(row: str, prefix: str) -> str:
    """Qualified name of a row of a catalogue that has no reg* type of its own."""
    return (
        f"(SELECT format('%I.%I', nspname, {row}.{prefix}name) FROM pg_namespace"
        f" WHERE oid = {row}.{prefix}namespace)"
    )


_RELATION = f"c.relpersistence <> 't' AND {in_user_schema('c.relnamespace')} AND {ours('pg_class', 'c')}"
_OPTIONS = (
    f"{in_order('c.reloptions')},"
    f" (SELECT {in_order('t.reloptions')} FROM pg_class t WHERE t.oid = c.reltoastrelid)"
)
_ACCESS = "(SELECT amname FROM pg_am WHERE oid = c.relam)"

# Option values of servers and foreign tables, save those that may be secrets; their names are always there.
_SECRETIVE = "(?i)pass|secret|token|key|credential|auth"


def _fdw_options(options: str) -> str:
    name = "split_part(o, '=', 1)"
    said = f"CASE WHEN {name} ~ '{_SECRETIVE}' THEN {name} ELSE o END"
    return f"""(SELECT string_agg({said}, ', ' ORDER BY o COLLATE "C") FROM unnest({options}) o)"""


RELATIONS: Final[Mapping[str, str]] = {
    "schema": f"""
SELECT quote_ident(n.nspname), '' FROM pg_namespace n
 WHERE {in_user_schema("n.oid")} AND {ours("pg_namespace", "n")}""",
    # Inherited columns may move to the front of their table; in every other table the order is kept.
    "table": f"""
SELECT c.oid::regclass::text, ROW(c.relkind, c.relpersistence, {_ACCESS},
    c.relrowsecurity, c.relforcerowsecurity, c.relreplident,
    (SELECT i.indexrelid::regclass FROM pg_index i WHERE i.indrelid = c.oid AND i.indisreplident),
    {_OPTIONS}, nullif(c.reloftype, 0)::regtype, pg_get_partkeydef(c.oid),
    {loose("pg_get_expr(c.relpartbound, c.oid)")},
    (SELECT string_agg(h.inhparent::regclass::text, ', ' ORDER BY h.inhseqno) FROM pg_inherits h
      WHERE h.inhrelid = c.oid),
    CASE WHEN c.relispartition OR NOT EXISTS (SELECT FROM pg_inherits h WHERE h.inhrelid = c.oid) THEN
         (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) FROM pg_attribute a
           WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) END)::text
  FROM pg_class c WHERE c.relkind IN ('r', 'p') AND {_RELATION}""",
    "column": f"""
SELECT c.oid::regclass || '.' || quote_ident(a.attname), ROW(
    format_type(a.atttypid, a.atttypmod), a.attnotnull, {loose("pg_get_expr(d.adbin, d.adrelid)")},
    a.attidentity, a.attgenerated,
    CASE WHEN a.attcollation <> t.typcollation THEN a.attcollation::regcollation END,
    a.attstorage, $compression, nullif(a.attstattarget, -1), {in_order("a.attoptions")},
    {_fdw_options("a.attfdwoptions")})::text
  FROM pg_class c
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  JOIN pg_type t ON t.oid = a.atttypid
  LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
 WHERE (c.relkind IN ('r', 'p', 'f') OR c.relkind IN ('v', 'm') AND
        (a.atthasdef OR a.attoptions IS NOT NULL OR nullif(a.attstattarget, -1) IS NOT NULL))
   AND {_RELATION}""",
    "index": f"""
SELECT c.oid::regclass::text, ROW({loose("pg_get_indexdef(c.oid)")},
    i.indisvalid, i.indisready, i.indisclustered,
    (SELECT h.inhparent::regclass FROM pg_inherits h WHERE h.inhrelid = c.oid),
    (SELECT string_agg(a.attnum || '=' || a.attstattarget, ',' ORDER BY a.attnum) FROM pg_attribute a
      WHERE a.attrelid = c.oid AND nullif(a.attstattarget, -1) IS NOT NULL))::text
  FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class r ON r.oid = i.indrelid
 WHERE r.relkind IN ('r', 'p', 'm') AND (i.indisvalid AND i.indisready OR r.relkind = 'p')
   AND {_RELATION} AND {ours("pg_class", "r")}""",
    # Dumps leave these out.
    "invalid index": f"""
SELECT i.indexrelid::regclass::text, ''
  FROM pg_index i JOIN pg_class r ON r.oid = i.indrelid JOIN pg_class c ON c.oid = i.indexrelid
 WHERE r.relkind IN ('r', 'm') AND NOT (i.indisvalid AND i.indisready) AND {_RELATION}""",
    # A foreign key's rows for partitions have names that depend on chance; the parent's row tells all.
    "constraint": f"""
SELECT coalesce(nullif(k.conrelid, 0)::regclass::text, k.contypid::regtype::text)
       || '.' || quote_ident(k.conname),
    ROW(k.contype, {loose("pg_get_constraintdef(k.oid)")}, k.convalidated,
    (SELECT p.conname FROM pg_constraint p WHERE p.oid = k.conparentid))::text
  FROM pg_constraint k
  LEFT JOIN pg_class r ON r.oid = k.conrelid
 WHERE k.contype IN ('c', 'f', 'p', 'u', 'x') AND NOT (k.contype = 'f' AND k.conparentid <> 0)
   AND coalesce(r.relpersistence, 'p') <> 't'
   AND {in_user_schema("k.connamespace")} AND {ours("pg_class", "r")}
   AND NOT EXISTS (SELECT FROM pg_depend x WHERE x.classid = 'pg_type'::regclass AND x.objid = k.contypid
                      AND x.deptype = 'e')""",
    # Up to 14, a partition's copies of its parent's triggers are called internal.
    "trigger": f"""
SELECT c.oid::regclass || '.' || quote_ident(t.tgname),
    ROW({loose("pg_get_triggerdef(t.oid)")}, t.tgenabled)::text
  FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
 WHERE (NOT t.tgisinternal OR t.tgparentid <> 0 AND t.tgname !~ '^RI_ConstraintTrigger_') AND {_RELATION}""",
    "rule": f"""
SELECT c.oid::regclass || '.' || quote_ident(r.rulename),
    ROW({loose("pg_get_ruledef(r.oid)")}, r.ev_enabled)::text
  FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class WHERE r.rulename <> '_RETURN' AND {_RELATION}""",
    "policy": f"""
SELECT c.oid::regclass || '.' || quote_ident(p.polname), ROW(p.polcmd, p.polpermissive,
    (SELECT string_agg(CASE o WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(o)::text END, ', '
       ORDER BY pg_get_userbyid(o) COLLATE "C") FROM unnest(p.polroles) o),
    {loose("pg_get_expr(p.polqual, p.polrelid)")}, {loose("pg_get_expr(p.polwithcheck, p.polrelid)")})::text
  FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid WHERE {_RELATION}""",
    "view": f"""
SELECT c.oid::regclass::text, ROW({loose("pg_get_viewdef(c.oid)")}, {_OPTIONS})::text
  FROM pg_class c WHERE c.relkind = 'v' AND {_RELATION}""",
    "materialized view": f"""
SELECT c.oid::regclass::text,
    ROW({loose("pg_get_viewdef(c.oid)")}, {_OPTIONS}, {_ACCESS}, c.relispopulated)::text
  FROM pg_class c WHERE c.relkind = 'm' AND {_RELATION}""",
    "sequence": f"""
SELECT c.oid::regclass::text, ROW(format_type(s.seqtypid, NULL), s.seqstart, s.seqincrement,
    s.seqmax, s.seqmin, s.seqcache, s.seqcycle, c.relpersistence,
    d.deptype, d.refobjid::regclass, a.attname)::text
  FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid
  LEFT JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.objsubid = 0
   AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
  LEFT JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
 WHERE {_RELATION}""",
    "statistics": f"""
SELECT {named("s", "stx")}, ROW({loose("pg_get_statisticsobjdef(s.oid)")}, nullif(s.stxstattarget, -1))::text
  FROM pg_statistic_ext s WHERE {in_user_schema("s.stxnamespace")} AND {ours("pg_statistic_ext", "s")}""",
    "foreign table": f"""
SELECT c.oid::regclass::text, ROW((SELECT srvname FROM pg_foreign_server WHERE oid = f.ftserver),
    {_fdw_options("f.ftoptions")})::text
  FROM pg_foreign_table f JOIN pg_class c ON c.oid = f.ftrelid WHERE {_RELATION}""",
}

_CODE = (
    f"{in_user_schema('p.pronamespace')} AND {ours('pg_proc', 'p')}"
    " AND NOT EXISTS (SELECT FROM pg_depend i WHERE i.classid = 'pg_proc'::regclass AND i.objid = p.oid"
    " AND i.deptype = 'i')"  # the constructors of a range type come with it
)
_FUNCTION = f"""
SELECT p.oid::regprocedure::text, ROW(
    {loose("pg_get_function_arguments(p.oid)")}, pg_get_function_result(p.oid),
    (SELECT lanname FROM pg_language WHERE oid = p.prolang), p.provolatile, p.proparallel, p.proisstrict,
    p.proleakproof, p.prosecdef, p.procost, p.prorows, p.prosupport::regproc,
    (SELECT string_agg(t::regtype::text, ', ') FROM unnest(p.protrftypes) t),
    array_to_string(p.proconfig, chr(10)), p.prosrc, p.probin, {loose("$sql_body")})::text
  FROM pg_proc p WHERE {_CODE} AND p.prokind"""

CODE: Final[Mapping[str, str]] = {
    "function": f"{_FUNCTION} IN ('f', 'w')",
    "procedure": f"{_FUNCTION} = 'p'",
    "aggregate": f"""
SELECT p.oid::regprocedure::text, ROW(a.aggkind, a.aggnumdirectargs, pg_get_function_arguments(p.oid),
    pg_get_function_result(p.oid), a.aggtransfn::regprocedure, a.aggfinalfn::regprocedure,
    a.aggcombinefn::regprocedure, a.aggserialfn::regprocedure, a.aggdeserialfn::regprocedure,
    a.aggmtransfn::regprocedure, a.aggminvtransfn::regprocedure, a.aggmfinalfn::regprocedure, a.aggfinalextra,
    a.aggmfinalextra, a.aggfinalmodify, a.aggmfinalmodify, a.aggsortop::regoperator, a.aggtranstype::regtype,
    a.aggtransspace, a.aggmtranstype::regtype, a.aggmtransspace, a.agginitval, a.aggminitval,
    p.proparallel)::text
  FROM pg_aggregate a JOIN pg_proc p ON p.oid = a.aggfnoid WHERE {_CODE}""",
    # Row types, arrays and multiranges come with their table, element or range.
    "type": f"""
SELECT t.oid::regtype::text, ROW(t.typtype, t.typnotnull, nullif(t.typbasetype, 0)::regtype,
    format_type(nullif(t.typbasetype, 0), t.typtypmod),
    {loose("coalesce(pg_get_expr(t.typdefaultbin, 'pg_type'::regclass), t.typdefault)")},
    CASE WHEN t.typtype = 'd' THEN nullif(t.typcollation, 0)::regcollation END,
    (SELECT string_agg(quote_literal(e.enumlabel), ', ' ORDER BY e.enumsortorder) FROM pg_enum e
      WHERE e.enumtypid = t.oid),
    (SELECT string_agg(format('%I %s %s', a.attname, format_type(a.atttypid, a.atttypmod),
            nullif(a.attcollation, 0)::regcollation), ', ' ORDER BY a.attnum)
       FROM pg_attribute a WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped),
    (SELECT ROW(r.rngsubtype::regtype, nullif(r.rngcollation, 0)::regcollation, o.opcname, r.rngcanonical,
            r.rngsubdiff, $multirange)::text
       FROM pg_range r JOIN pg_opclass o ON o.oid = r.rngsubopc WHERE r.rngtypid = t.oid),
    CASE WHEN t.typtype = 'b' THEN ROW(t.typlen, t.typbyval, t.typalign, t.typstorage, t.typcategory,
         t.typispreferred, t.typdelim, t.typinput, t.typoutput, t.typreceive, t.typsend,
         t.typmodin, t.typmodout, t.typanalyze, nullif(t.typelem, 0)::regtype)::text END)::text
  FROM pg_type t LEFT JOIN pg_class c ON c.oid = t.typrelid
 WHERE t.typtype <> 'm' AND coalesce(c.relkind, 'c') = 'c' AND {in_user_schema("t.typnamespace")}
   AND NOT EXISTS (SELECT FROM pg_type e WHERE e.typarray = t.oid) AND {ours("pg_type", "t")}""",
    "collation": f"""
SELECT c.oid::regcollation::text,
    (to_jsonb(c) - '{{oid,collname,collnamespace,collowner,collversion}}'::text[])::text
  FROM pg_collation c WHERE {in_user_schema("c.collnamespace")} AND {ours("pg_collation", "c")}""",
    "conversion": f"""
SELECT {named("c", "con")}, ROW(pg_encoding_to_char(c.conforencoding), pg_encoding_to_char(c.contoencoding),
    c.conproc::regprocedure, c.condefault)::text
  FROM pg_conversion c WHERE {in_user_schema("c.connamespace")} AND {ours("pg_conversion", "c")}""",
    "cast": f"""
SELECT format('(%s AS %s)', c.castsource::regtype, c.casttarget::regtype),
    ROW(nullif(c.castfunc, 0)::regprocedure, c.castcontext, c.castmethod)::text
  FROM pg_cast c WHERE c.oid >= 16384 AND {ours("pg_cast", "c")}""",
    "operator": f"""
SELECT o.oid::regoperator::text, ROW(o.oprcode, nullif(o.oprcom, 0)::regoperator,
    nullif(o.oprnegate, 0)::regoperator, o.oprrest, o.oprjoin, o.oprcanmerge, o.oprcanhash)::text
  FROM pg_operator o
 WHERE o.oprcode <> 0 AND {in_user_schema("o.oprnamespace")} AND {ours("pg_operator", "o")}""",
    "operator class": f"""
SELECT {named("o", "opc")} || ' for ' || m.amname, ROW(o.opcdefault, o.opcintype::regtype,
    nullif(o.opckeytype, 0)::regtype,
    (SELECT {named("f", "opf")} FROM pg_opfamily f WHERE f.oid = o.opcfamily))::text
  FROM pg_opclass o JOIN pg_am m ON m.oid = o.opcmethod
 WHERE {in_user_schema("o.opcnamespace")} AND {ours("pg_opclass", "o")}""",
    "operator family": f"""
SELECT {named("f", "opf")} || ' for ' || m.amname, ROW(
    (SELECT string_agg(
       ROW(a.amopstrategy, a.amoppurpose, a.amopopr::regoperator, a.amopsortfamily <> 0)::text, ', '
       ORDER BY a.amopstrategy, a.amopopr::regoperator::text COLLATE "C")
       FROM pg_amop a WHERE a.amopfamily = f.oid),
    (SELECT string_agg(ROW(s.amprocnum, s.amproclefttype::regtype, s.amprocrighttype::regtype,
       s.amproc::regprocedure)::text, ', ' ORDER BY s.amprocnum, s.amproclefttype::regtype::text COLLATE "C",
       s.amprocrighttype::regtype::text COLLATE "C") FROM pg_amproc s WHERE s.amprocfamily = f.oid))::text
  FROM pg_opfamily f JOIN pg_am m ON m.oid = f.opfmethod
 WHERE {in_user_schema("f.opfnamespace")} AND {ours("pg_opfamily", "f")}""",
    "text search parser": f"""
SELECT {named("p", "prs")}, ROW(p.prsstart, p.prstoken, p.prsend, p.prsheadline, p.prslextype)::text
  FROM pg_ts_parser p WHERE {in_user_schema("p.prsnamespace")} AND {ours("pg_ts_parser", "p")}""",
    "text search template": f"""
SELECT {named("t", "tmpl")}, ROW(t.tmplinit, t.tmpllexize)::text
  FROM pg_ts_template t WHERE {in_user_schema("t.tmplnamespace")} AND {ours("pg_ts_template", "t")}""",
    "text search dictionary": f"""
SELECT d.oid::regdictionary::text, ROW((SELECT tmplname FROM pg_ts_template WHERE oid = d.dicttemplate),
    d.dictinitoption)::text
  FROM pg_ts_dict d WHERE {in_user_schema("d.dictnamespace")} AND {ours("pg_ts_dict", "d")}""",
    "text search configuration": f"""
SELECT c.oid::regconfig::text, ROW((SELECT prsname FROM pg_ts_parser WHERE oid = c.cfgparser),
    (SELECT string_agg(format('%s.%s %s', m.maptokentype, m.mapseqno, m.mapdict::regdictionary), ', '
       ORDER BY m.maptokentype, m.mapseqno) FROM pg_ts_config_map m WHERE m.mapcfg = c.oid))::text
  FROM pg_ts_config c WHERE {in_user_schema("c.cfgnamespace")} AND {ours("pg_ts_config", "c")}""",
}

DATABASE: Final[Mapping[str, str]] = {
    "extension": """
SELECT quote_ident(e.extname), e.extversion FROM pg_extension e""",
    "extension schema": """
SELECT quote_ident(e.extname), n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace""",
    "event trigger": f"""
SELECT quote_ident(e.evtname),
    ROW(e.evtevent, e.evtfoid::regprocedure, e.evtenabled, {in_order("e.evttags")})::text
  FROM pg_event_trigger e WHERE {ours("pg_event_trigger", "e")}""",
    "publication": f"""
SELECT quote_ident(p.pubname), (to_jsonb(p) - '{{oid,pubname,pubowner}}'::text[])::text
  FROM pg_publication p WHERE {ours("pg_publication", "p")}""",
    "publication member": """
SELECT quote_ident(p.pubname) || ' ' || r.prrelid::regclass, $published
  FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid $published_schemas""",
    "language": f"""
SELECT quote_ident(l.lanname), ROW(l.lanpltrusted, nullif(l.lanplcallfoid, 0)::regprocedure,
    nullif(l.laninline, 0)::regprocedure, nullif(l.lanvalidator, 0)::regprocedure)::text
  FROM pg_language l WHERE l.oid >= 16384 AND {ours("pg_language", "l")}""",
    "access method": f"""
SELECT quote_ident(a.amname), ROW(a.amtype, a.amhandler)::text
  FROM pg_am a WHERE a.oid >= 16384 AND {ours("pg_am", "a")}""",
    "transform": f"""
SELECT format('for %s language %I', t.trftype::regtype, l.lanname),
    ROW(nullif(t.trffromsql, 0)::regprocedure, nullif(t.trftosql, 0)::regprocedure)::text
  FROM pg_transform t JOIN pg_language l ON l.oid = t.trflang WHERE {ours("pg_transform", "t")}""",
    "foreign-data wrapper": f"""
SELECT quote_ident(f.fdwname), ROW(
    nullif(f.fdwhandler, 0)::regprocedure, nullif(f.fdwvalidator, 0)::regprocedure,
    {_fdw_options("f.fdwoptions")})::text
  FROM pg_foreign_data_wrapper f WHERE {ours("pg_foreign_data_wrapper", "f")}""",
    "server": f"""
SELECT quote_ident(s.srvname), ROW(w.fdwname, s.srvtype, s.srvversion, {_fdw_options("s.srvoptions")})::text
  FROM pg_foreign_server s JOIN pg_foreign_data_wrapper w ON w.oid = s.srvfdw
 WHERE {ours("pg_foreign_server", "s")}""",
    "user mapping": """
SELECT format('for %I server %I', m.usename, m.srvname), '' FROM pg_user_mappings m""",
    "default privileges": """
SELECT format('%s %s for %I', CASE d.defaclobjtype WHEN 'r' THEN 'tables' WHEN 'S' THEN 'sequences'
      WHEN 'f' THEN 'functions' WHEN 'T' THEN 'types' WHEN 'n' THEN 'schemas' ELSE d.defaclobjtype::text END,
      coalesce('in schema ' || quote_ident(n.nspname), 'everywhere'), pg_get_userbyid(d.defaclrole)),
    (SELECT string_agg(g::text, ', ' ORDER BY g::text COLLATE "C") FROM unnest(d.defaclacl) g)
  FROM pg_default_acl d LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace""",
    "setting": """
SELECT format('%s of %s', split_part(o, '=', 1), coalesce('role ' || quote_ident(r.rolname), 'the database')),
    substr(o, strpos(o, '=') + 1)
  FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase AND d.datname = current_database()
  LEFT JOIN pg_roles r ON r.oid = s.setrole, unnest(s.setconfig) o""",
    "database": """
SELECT substr(k.key, 4), k.value FROM pg_database d, jsonb_each_text(to_jsonb(d)) k
 WHERE d.datname = current_database() AND k.value IS NOT NULL AND k.key IN ('datcollate', 'datctype',
       'datlocprovider', 'daticulocale', 'datlocale', 'daticurules', 'datconnlimit')
UNION ALL
SELECT 'encoding', pg_encoding_to_char(encoding) FROM pg_database WHERE datname = current_database()""",
    "collation version": f"""
SELECT c.oid::regcollation::text, c.collversion FROM pg_collation c
 WHERE c.collversion IS NOT NULL AND {in_user_schema("c.collnamespace")} $database_collation""",
    "large objects": """
SELECT 'all', ROW(count(*), sum(hashtextextended(ROW(m.oid, pg_get_userbyid(m.lomowner),
    (SELECT string_agg(g::text, ', ' ORDER BY g::text COLLATE "C")
       FROM unnest(coalesce(m.lomacl, acldefault('L', m.lomowner))) g))::text, 0)))::text
  FROM pg_largeobject_metadata m HAVING count(*) > 0""",
}
