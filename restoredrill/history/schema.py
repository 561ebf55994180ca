"""The tables. What is asked for by is a column; the rest lies in `document`, as it does in the vault.

Whoever changes something here adds a migration: a test compares the two.
"""

from datetime import UTC, datetime

from sqlalchemy import (
    Boolean,
    Column,
    DateTime,
    Dialect,
    Float,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    text,
)
from sqlalchemy.types import TypeEngine

PREFIX = "restoredrill_"  # a shared PostgreSQL database may hold other people's tables
VERSION_TABLE = f"{PREFIX}version"
metadata = MetaData()


class Instant(TypeDecorator[datetime]):
    """An aware time in UTC, to the microsecond; SQLite gets text that sorts."""

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[datetime]:
        """PostgreSQL keeps instants; SQLite has no type for them."""
        return dialect.type_descriptor(DateTime(timezone=dialect.name != "sqlite"))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To UTC, which SQLite is not told."""
        if value is None:
            return None
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """From UTC, whatever the session's time zone is."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if dialect.name == "sqlite" else value.astimezone(UTC)


def _name() -> TypeEngine[str]:
    """Ids and names: compared byte by byte, so that ids sort by time whatever the server's language is."""
    return Text().with_variant(Text(collation="C"), "postgresql")


def _costly(name: str, table: Table, *others: str) -> None:
    """All that `spent_usd` reads, of rows that cost something: it looks at no row itself."""
    cost = text("usd > 0")
    columns = [table.c[column] for column in ("started_at", "usd", *others)]
    Index(name, *columns, sqlite_where=cost, postgresql_where=cost)


drills = Table(
    f"{PREFIX}drills",
    metadata,
    Column("database", _name(), primary_key=True),
    Column("drill", _name(), primary_key=True),
    Column("started_at", Instant, nullable=False),
    Column("verdict", _name(), nullable=False),
    Column("backup", _name()),  # which one it proves, or not
    Column("usd", Float, nullable=False),
    Column("settled", Boolean, nullable=False),  # its report in the vault will not change any more
    Column("document", Text, nullable=False),
)
Index(f"{PREFIX}drills_by_database", drills.c.database, drills.c.started_at)
Index(f"{PREFIX}drills_by_time", drills.c.started_at)
Index(f"{PREFIX}drills_by_backup", drills.c.database, drills.c.backup, drills.c.verdict)
_costly(f"{PREFIX}drills_usd", drills)

backups = Table(
    f"{PREFIX}backups",
    metadata,
    Column("database", _name(), primary_key=True),
    Column("backup", _name(), primary_key=True),
    Column("taken_at", Instant, nullable=False),
    Column("document", Text, nullable=False),
)
Index(f"{PREFIX}backups_by_database", backups.c.database, backups.c.taken_at)
Index(f"{PREFIX}backups_by_time", backups.c.taken_at)

# Folders and documents in a vault that say nothing to the index, so that nobody asks for them again.
blanks = Table(
    f"{PREFIX}blanks",
    metadata,
    Column("database", _name(), primary_key=True),
    Column("kind", _name(), primary_key=True),
    Column("id", _name(), primary_key=True),
)

tasks = Table(
    f"{PREFIX}tasks",
    metadata,
    Column("id", _name(), primary_key=True),
    Column("database", _name(), nullable=False),
    Column("kind", _name(), nullable=False),
    Column("slot", Instant),  # due_at of a schedule's task: there is one of a kind
    Column("due_at", Instant, nullable=False),
    Column("state", _name(), nullable=False),
    Column("settled_at", Instant),  # of a final one, when it ended
    Column("started_at", Instant),
    Column("usd", Float, nullable=False),
    Column("document", Text, nullable=False),
)
Index(f"{PREFIX}tasks_slot", tasks.c.database, tasks.c.kind, tasks.c.slot, unique=True)
Index(f"{PREFIX}tasks_open", tasks.c.settled_at, tasks.c.due_at)
Index(f"{PREFIX}tasks_past", tasks.c.database, tasks.c.settled_at)
_costly(f"{PREFIX}tasks_usd", tasks, "database", "id")

notices = Table(
    f"{PREFIX}notices",
    metadata,
    Column("key", _name(), primary_key=True),
    Column("at", Instant, nullable=False),
    Column("document", Text, nullable=False),
)
Index(f"{PREFIX}notices_by_time", notices.c.at)

deliveries = Table(
    f"{PREFIX}deliveries",
    metadata,
    Column("key", _name(), primary_key=True),
    Column("address", _name(), primary_key=True),
    Column("pending_at", Instant),  # next_at of one that is to be tried
    Column("lost_at", Instant),  # the notice's time, of one that was given up
    Column("next_at", Instant, nullable=False),
    Column("delivered_at", Instant),
    Column("tries", Integer, nullable=False),
    Column("problem", Text, nullable=False),
)
Index(f"{PREFIX}deliveries_pending", deliveries.c.pending_at)
Index(f"{PREFIX}deliveries_lost", deliveries.c.lost_at)

alarms = Table(
    f"{PREFIX}alarms",
    metadata,
    Column("key", _name(), primary_key=True),
    Column("since", Instant, nullable=False),
    Column("document", Text, nullable=False),
)

audit = Table(
    f"{PREFIX}audit",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("document", Text, nullable=False),
)
Index(f"{PREFIX}audit_by_time", audit.c.at)
