"""Every kind of object that is lost or changed on the way is found, and nothing else is."""

from collections.abc import Callable, Iterator

import psycopg
import pytest

from restoredrill.checks import compare
from restoredrill.engines.postgres import fingerprint, inventory
from restoredrill.model import Fingerprint, FingerprintLevel
from tests.engines.restored import RICH
from tests.plugins.postgres import SourceServer

MAJOR = 17

# What is done to the copy, and what must be found then: `RULE object`, exactly.
LOST = {
    "DROP TABLE app.no_rows CASCADE": (
        "TABLE_MISSING app.no_rows",
        "OBJECT_MISSING app.booking.mine",  # a policy that reads it
    ),
    "DROP VIEW app.hits_view": ("OBJECT_MISSING app.hits_view",),
    "DROP MATERIALIZED VIEW app.empty_sum": ("OBJECT_MISSING app.empty_sum",),
    "DROP FOREIGN TABLE app.remote": ("OBJECT_MISSING app.remote",),
    "DROP SEQUENCE app.untouched": ("OBJECT_MISSING app.untouched",),
    "ALTER TABLE app.everything DROP COLUMN added_later": (
        "OBJECT_MISSING app.everything.added_later",
        "OBJECT_DIFFERS app.everything",  # the order of its columns
    ),
    "DROP INDEX app.booking_room": ("OBJECT_MISSING app.booking_room",),
    "DROP INDEX app.hits_site": tuple(
        f"OBJECT_MISSING app.{name}"
        for name in (
            "hits_site",
            "hits_2024_site_at_idx",
            "hits_2024_a_site_at_idx",
            "hits_2024_a0_site_at_idx",
            "hits_2024_a1_site_at_idx",
            "hits_2024_rest_site_at_idx",
            "hits_rest_site_at_idx",
            "hits_none_site_at_idx",
        )
    ),
    "ALTER TABLE app.chicken DROP CONSTRAINT laid": ("OBJECT_MISSING app.chicken.laid",),
    "ALTER TABLE app.booking DROP CONSTRAINT booking_room_slot_excl": (
        "OBJECT_MISSING app.booking.booking_room_slot_excl",
        "OBJECT_MISSING app.booking_room_slot_excl",
    ),
    "ALTER DOMAIN app.positive DROP CONSTRAINT is_positive": ("OBJECT_MISSING app.positive.is_positive",),
    "DROP TRIGGER booking_touch ON app.booking": ("OBJECT_MISSING app.booking.booking_touch",),
    "DROP RULE booking_no_delete ON app.booking": ("OBJECT_MISSING app.booking.booking_no_delete",),
    "DROP POLICY everybody ON app.booking": ("OBJECT_MISSING app.booking.everybody",),
    "DROP FUNCTION app.rows_of(integer)": ("OBJECT_MISSING app.rows_of(integer)",),
    "DROP PROCEDURE app.tidy": ("OBJECT_MISSING app.tidy(boolean)",),
    "DROP AGGREGATE app.product(double precision)": ("OBJECT_MISSING app.product(double precision)",),
    "DROP COLLATION app.german": ("OBJECT_MISSING app.german",),
    "DROP CONVERSION app.latin": ("OBJECT_MISSING app.latin",),
    "DROP CAST (app.label AS text)": ("OBJECT_MISSING (app.label AS text)",),
    "DROP OPERATOR app.=== (app.label, app.label)": ("OBJECT_MISSING app.===(app.label,app.label)",),
    "DROP TEXT SEARCH PARSER app.words": ("OBJECT_MISSING app.words",),
    "DROP TEXT SEARCH TEMPLATE app.plain": ("OBJECT_MISSING app.plain",),
    "DROP TEXT SEARCH CONFIGURATION app.english": ("OBJECT_MISSING app.english",),
    "DROP STATISTICS app.hits_stats": ("OBJECT_MISSING app.hits_stats",),
    "DROP EVENT TRIGGER rich_ddl": ("OBJECT_MISSING rich_ddl",),
    "ALTER PUBLICATION some_tables DROP TABLE app.egg": ("OBJECT_MISSING some_tables app.egg",),
    "DROP PUBLICATION whole_schema": (
        "OBJECT_MISSING whole_schema",
        "OBJECT_MISSING whole_schema schema public",
    ),
    "DROP TRANSFORM FOR integer LANGUAGE rich_language": (
        "OBJECT_MISSING for integer language rich_language",
    ),
    "DROP LANGUAGE rich_language": ("OBJECT_MISSING rich_language",),
    "DROP SERVER files": ("OBJECT_MISSING files",),
    "DROP FOREIGN DATA WRAPPER rich_wrapper": ("OBJECT_MISSING rich_wrapper",),
    "DROP USER MAPPING FOR rich_reader SERVER elsewhere": (
        "OBJECT_MISSING for rich_reader server elsewhere",
    ),
    "DROP EXTENSION pg_trgm CASCADE": (
        "EXTENSION_MISSING pg_trgm",
        "OBJECT_MISSING app.booking_note",
    ),
    'DROP SCHEMA "Odd ""schema"". name" CASCADE': (
        'OBJECT_MISSING "Odd ""schema"". name"',
        'TABLE_MISSING "Odd ""schema"". name"."Tab.le ""x"" $1 {y} %s ; -- é"',
    ),
    "DROP OPERATOR FAMILY app.int_ops USING btree CASCADE": (
        "OBJECT_MISSING app.int_ops for btree",
        "OBJECT_MISSING app.int_by_abs for btree",
        "OBJECT_MISSING app.booking_abs",
    ),
    "DROP TABLE app.in_rich_heap": ("TABLE_MISSING app.in_rich_heap",),
    "DROP ACCESS METHOD rich_heap": ("OBJECT_MISSING rich_heap",),
    "SELECT lo_unlink(70004)": ("OBJECT_DIFFERS all",),
    "ALTER DATABASE {database} RESET work_mem": ("OBJECT_MISSING work_mem of the database",),
    "ALTER ROLE rich_reader IN DATABASE {database} RESET search_path": (
        "OBJECT_MISSING search_path of role rich_reader",
    ),
    "ALTER DEFAULT PRIVILEGES FOR ROLE rich_owner IN SCHEMA app REVOKE SELECT ON TABLES FROM rich_reader": (
        "GRANT_MISSING tables in schema app for rich_owner",
    ),
    "REVOKE USAGE ON SCHEMA app FROM rich_reader": ("GRANT_MISSING schema app to rich_reader",),
    "REVOKE SELECT (id) ON app.everything FROM PUBLIC": ("GRANT_MISSING column app.everything.id to PUBLIC",),
    'REVOKE SELECT ON app.hits_sum FROM "Rich ""odd"" Role"': (
        'GRANT_MISSING materialized view app.hits_sum to "Rich ""odd"" Role"',
    ),
    "REVOKE EXECUTE ON FUNCTION app.careful(text) FROM rich_reader": (
        "GRANT_MISSING function app.careful(text) to rich_reader",
    ),
    "REVOKE EXECUTE ON FUNCTION ext.hstore_to_json(ext.hstore) FROM rich_reader": (
        "GRANT_MISSING function ext.hstore_to_json(ext.hstore) to rich_reader",
    ),
    "GRANT USAGE ON TYPE app.positive TO PUBLIC": ("GRANT_MISSING type app.positive to PUBLIC",),
    "REVOKE USAGE ON FOREIGN SERVER elsewhere FROM rich_reader": (
        "GRANT_MISSING server elsewhere to rich_reader",
    ),
    "REVOKE CONNECT ON DATABASE {database} FROM rich_writer": (
        "GRANT_MISSING database itself to rich_writer",
    ),
    "COMMENT ON TABLE app.everything IS NULL": ("COMMENT_DIFFERS table app.everything",),
    "REVOKE rich_reader FROM rich_writer": ("OBJECT_DIFFERS rich_writer",),
}

CHANGED = {
    "ALTER TABLE app.no_rows SET UNLOGGED": ("OBJECT_DIFFERS app.no_rows",),
    "ALTER TABLE app.everything SET (fillfactor = 90)": ("OBJECT_DIFFERS app.everything",),
    "ALTER TABLE app.booking NO FORCE ROW LEVEL SECURITY": ("OBJECT_DIFFERS app.booking",),
    "ALTER TABLE app.chicken REPLICA IDENTITY DEFAULT": ("OBJECT_DIFFERS app.chicken",),
    "ALTER TABLE app.puppy NO INHERIT app.dog": ("OBJECT_DIFFERS app.puppy",),
    "ALTER TABLE app.hits_2024 DETACH PARTITION app.hits_2024_rest": (
        "OBJECT_DIFFERS app.hits_2024_rest",
        "OBJECT_DIFFERS app.hits_2024_rest_site_at_idx",
        "OBJECT_MISSING app.hits_2024_rest.hits_touch",
    ),
    "ALTER TABLE app.names ALTER COLUMN a TYPE bigint": ("OBJECT_DIFFERS app.names.a",),
    'ALTER TABLE app."Names" ALTER COLUMN a SET NOT NULL': ('OBJECT_DIFFERS app."Names".a',),
    "ALTER TABLE app.wide ALTER COLUMN c1 SET DEFAULT 5": ("OBJECT_DIFFERS app.wide.c1",),
    "ALTER TABLE app.everything ALTER COLUMN id SET GENERATED ALWAYS": ("OBJECT_DIFFERS app.everything.id",),
    "ALTER TABLE app.everything ALTER COLUMN twice DROP EXPRESSION": ("OBJECT_DIFFERS app.everything.twice",),
    "ALTER TABLE app.everything ALTER COLUMN bytes SET STORAGE EXTENDED": (
        "OBJECT_DIFFERS app.everything.bytes",
    ),
    "ALTER TABLE app.everything ALTER COLUMN short SET STATISTICS 50": (
        "OBJECT_DIFFERS app.everything.short",
    ),
    'ALTER TABLE public."order" ALTER COLUMN "table" TYPE text COLLATE "C"': (
        'OBJECT_DIFFERS public."order"."table"',
    ),
    "ALTER INDEX app.booking_lower SET (fillfactor = 60)": ("OBJECT_DIFFERS app.booking_lower",),
    "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'app.booking_hash'::regclass": (
        "OBJECT_MISSING app.booking_hash",
    ),
    "ALTER TABLE app.animal SET WITHOUT CLUSTER": ("OBJECT_DIFFERS app.animal_pkey",),
    "ALTER TABLE app.booking VALIDATE CONSTRAINT not_checked": ("OBJECT_DIFFERS app.booking.not_checked",),
    "ALTER TABLE app.chicken ALTER CONSTRAINT laid NOT DEFERRABLE": ("OBJECT_DIFFERS app.chicken.laid",),
    "UPDATE pg_constraint SET convalidated = false WHERE conname = 'egg_chicken_fkey'": (
        "OBJECT_DIFFERS app.egg.egg_chicken_fkey",
    ),
    "ALTER TABLE app.booking DISABLE TRIGGER booking_touch": ("OBJECT_DIFFERS app.booking.booking_touch",),
    "ALTER TABLE app.hits_rest ENABLE TRIGGER hits_touch": ("OBJECT_DIFFERS app.hits_rest.hits_touch",),
    "ALTER TABLE app.booking ENABLE RULE booking_note_only": (
        "OBJECT_DIFFERS app.booking.booking_note_only",
    ),
    "ALTER POLICY everybody ON app.booking USING (room > 1)": ("OBJECT_DIFFERS app.booking.everybody",),
    "ALTER POLICY mine ON app.booking TO rich_writer": ("OBJECT_DIFFERS app.booking.mine",),
    "CREATE OR REPLACE VIEW app.animals_view AS SELECT * FROM app.animal WHERE id > 1": (
        "OBJECT_DIFFERS app.animals_view",
    ),
    "ALTER VIEW app.hits_view SET (security_barrier = off)": ("OBJECT_DIFFERS app.hits_view",),
    "ALTER VIEW app.animals_view ALTER COLUMN name DROP DEFAULT": ("OBJECT_MISSING app.animals_view.name",),
    "REFRESH MATERIALIZED VIEW app.hits_sum WITH NO DATA": ("OBJECT_DIFFERS app.hits_sum",),
    "ALTER SEQUENCE app.tickets NO CYCLE": ("OBJECT_DIFFERS app.tickets",),
    "ALTER SEQUENCE app.untouched OWNED BY app.names.a": ("OBJECT_DIFFERS app.untouched",),
    "CREATE OR REPLACE FUNCTION app.touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'": (
        "OBJECT_DIFFERS app.touch()",
    ),
    "ALTER FUNCTION app.careful(text) SECURITY INVOKER": ("OBJECT_DIFFERS app.careful(text)",),
    "ALTER PROCEDURE app.tidy(boolean) SET search_path = public": ("OBJECT_DIFFERS app.tidy(boolean)",),
    "ALTER FUNCTION app.double(integer, integer, integer[]) VOLATILE": (
        "OBJECT_DIFFERS app.double(integer,integer,integer[])",
    ),
    "ALTER TYPE app.mood RENAME VALUE 'sad' TO 'glum'": ("OBJECT_DIFFERS app.mood",),
    "ALTER DOMAIN app.code SET DEFAULT 'a'": ("OBJECT_DIFFERS app.code",),
    "ALTER TEXT SEARCH DICTIONARY app.short (ACCEPT = true)": ("OBJECT_DIFFERS app.short",),
    "ALTER TEXT SEARCH CONFIGURATION app.english DROP MAPPING FOR word": ("OBJECT_DIFFERS app.english",),
    "ALTER STATISTICS app.hits_stats SET STATISTICS 10": ("OBJECT_DIFFERS app.hits_stats",),
    "ALTER EVENT TRIGGER rich_ddl ENABLE": ("OBJECT_DIFFERS rich_ddl",),
    "ALTER PUBLICATION some_tables SET (publish = 'insert')": ("OBJECT_DIFFERS some_tables",),
    "ALTER PUBLICATION filtered SET TABLE ONLY app.animal (id) WHERE (id > 5)": (
        "OBJECT_DIFFERS filtered app.animal",
    ),
    "ALTER SERVER elsewhere OPTIONS (SET host 'other.invalid')": ("OBJECT_DIFFERS elsewhere",),
    "ALTER FOREIGN TABLE app.remote OPTIONS (SET table_name 'x')": ("OBJECT_DIFFERS app.remote",),
    "ALTER OPERATOR app.=== (app.label, app.label) SET (RESTRICT = eqsel)": (
        "OBJECT_DIFFERS app.===(app.label,app.label)",
    ),
    "ALTER OPERATOR FAMILY app.int_ops USING btree ADD FUNCTION 4 (integer, integer) btequalimage(oid)": (
        "OBJECT_DIFFERS app.int_ops for btree",
    ),
    "UPDATE pg_extension SET extversion = '0.9' WHERE extname = 'hstore'": ("EXTENSION_VERSION hstore",),
    "ALTER DATABASE {database} SET \"rich.setting\" = 'b'": ("OBJECT_DIFFERS rich.setting of the database",),
    "ALTER DATABASE {database} CONNECTION LIMIT 78": ("DATABASE_DIFFERS connlimit",),
    "GRANT UPDATE ON LARGE OBJECT 70002 TO rich_reader": ("OBJECT_DIFFERS all",),
    "ALTER TABLE app.everything OWNER TO rich_writer": (
        "OWNER_DIFFERS table app.everything",
        "OWNER_DIFFERS sequence app.everything_id_seq",
        # Who granted it was not the owner, and now is.
        "GRANT_DIFFERS table app.everything to rich_reader",
    ),
    "ALTER SCHEMA app OWNER TO postgres": ("OWNER_DIFFERS schema app",),
    "ALTER FUNCTION app.careful(text) OWNER TO rich_writer": ("OWNER_DIFFERS function app.careful(text)",),
    "ALTER TYPE app.mood OWNER TO postgres": ("OWNER_DIFFERS type app.mood",),
    "GRANT SELECT ON app.names TO rich_reader": ("GRANT_EXTRA table app.names to rich_reader",),
    "GRANT EXECUTE ON FUNCTION pg_catalog.pg_read_file(text) TO rich_reader WITH GRANT OPTION": (
        "GRANT_DIFFERS function pg_read_file(text) to rich_reader",
    ),
    "COMMENT ON LARGE OBJECT 70001 IS 'another picture'": ("COMMENT_DIFFERS large object 70001",),
    "COMMENT ON DATABASE {database} IS 'x'": ("COMMENT_DIFFERS database itself",),
    "CREATE TABLE app.new (a integer)": (
        "TABLE_EXTRA app.new",
        "OBJECT_EXTRA app.new.a",
    ),
    "CREATE INDEX new_index ON app.animal (name)": ("OBJECT_EXTRA app.new_index",),
}


@pytest.fixture(scope="module")
def session(source_server: Callable[[int], SourceServer]) -> Iterator[psycopg.Connection]:
    """A session in a database with one of everything; every test's changes are rolled back."""
    server = source_server(MAJOR)
    name = server.database(RICH.read_text(), name="changed")
    with psycopg.connect(server.url(name)) as connection:
        yield connection
        connection.rollback()
    server.drop(name)


def objects(session: psycopg.Connection) -> Fingerprint:
    """A fingerprint that knows objects only."""
    fingerprint.settle(session, gentle=True)
    found = inventory.inventory(session)
    return Fingerprint(level=FingerprintLevel.ROWS, algorithm="none", version_num=170000, objects=found)


@pytest.mark.parametrize("changes", [LOST, CHANGED], ids=["lost", "changed"])
def test_each_change_is_found_and_nothing_else(
    changes: dict[str, tuple[str, ...]], session: psycopg.Connection
) -> None:
    session.rollback()
    there = objects(session)
    session.execute("SET LOCAL allow_system_table_mods = on")
    for statement in changes:
        session.execute(statement.replace("{database}", "changed"))
    findings = compare.structure(there, objects(session), most=10_000)
    session.rollback()
    found = [f"{f.rule} {f.object}" for f in findings]
    wanted = [text for texts in changes.values() for text in texts]
    assert sorted(found) == sorted(wanted)
    assert all(f.hint and f.message for f in findings)


def test_every_kind_is_among_what_is_changed(session: psycopg.Connection) -> None:
    """A kind that is added to the inventory needs a line above."""
    session.rollback()
    there = objects(session)
    session.rollback()
    touched = {text.split(" ", 1)[1] for texts in (*LOST.values(), *CHANGED.values()) for text in texts}
    untouched = {kind for kind, known in there.objects.items() if not touched & known.keys()}
    # No module here gives labels or access methods; libc's C has no version.
    assert untouched <= {"security label", "collation version", "extension schema", "invalid index"}


def test_a_settings_value_is_not_told(session: psycopg.Connection) -> None:
    session.rollback()
    told = objects(session).model_dump_json()
    session.rollback()
    for secret in ("hidden", "a, b = c", "one of everything", "glum", "db.invalid"):
        assert secret not in told
