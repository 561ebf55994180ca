"""The first tables."""

from datetime import datetime

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_P = "restoredrill_"


def upgrade() -> None:
    """From nothing."""
    _proofs()
    _tasks()
    _outbox()
    _alarms()


def _name() -> sa.types.TypeEngine[str]:
    return sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def _instant() -> sa.types.TypeEngine[datetime]:
    return sa.DateTime(timezone=True)


def _costly(table: str, *others: str) -> None:
    cost = sa.text("usd > 0")
    columns = ["started_at", "usd", *others]
    op.create_index(f"{_P}{table}_usd", f"{_P}{table}", columns, sqlite_where=cost, postgresql_where=cost)


def _proofs() -> None:
    op.create_table(
        f"{_P}drills",
        sa.Column("database", _name(), primary_key=True),
        sa.Column("drill", _name(), primary_key=True),
        sa.Column("started_at", _instant(), nullable=False),
        sa.Column("verdict", _name(), nullable=False),
        sa.Column("backup", _name()),
        sa.Column("usd", sa.Float, nullable=False),
        sa.Column("settled", sa.Boolean, nullable=False),
        sa.Column("document", sa.Text, nullable=False),
    )
    op.create_index(f"{_P}drills_by_database", f"{_P}drills", ["database", "started_at"])
    op.create_index(f"{_P}drills_by_time", f"{_P}drills", ["started_at"])
    op.create_index(f"{_P}drills_by_backup", f"{_P}drills", ["database", "backup", "verdict"])
    _costly("drills")
    op.create_table(
        f"{_P}backups",
        sa.Column("database", _name(), primary_key=True),
        sa.Column("backup", _name(), primary_key=True),
        sa.Column("taken_at", _instant(), nullable=False),
        sa.Column("document", sa.Text, nullable=False),
    )
    op.create_index(f"{_P}backups_by_database", f"{_P}backups", ["database", "taken_at"])
    op.create_index(f"{_P}backups_by_time", f"{_P}backups", ["taken_at"])
    op.create_table(
        f"{_P}blanks",
        sa.Column("database", _name(), primary_key=True),
        sa.Column("kind", _name(), primary_key=True),
        sa.Column("id", _name(), primary_key=True),
    )


def _tasks() -> None:
    table = f"{_P}tasks"
    op.create_table(
        table,
        sa.Column("id", _name(), primary_key=True),
        sa.Column("database", _name(), nullable=False),
        sa.Column("kind", _name(), nullable=False),
        sa.Column("slot", _instant()),
        sa.Column("due_at", _instant(), nullable=False),
        sa.Column("state", _name(), nullable=False),
        sa.Column("settled_at", _instant()),
        sa.Column("started_at", _instant()),
        sa.Column("usd", sa.Float, nullable=False),
        sa.Column("document", sa.Text, nullable=False),
    )
    op.create_index(f"{table}_slot", table, ["database", "kind", "slot"], unique=True)
    op.create_index(f"{table}_open", table, ["settled_at", "due_at"])
    op.create_index(f"{table}_past", table, ["database", "settled_at"])
    _costly("tasks", "database", "id")


def _outbox() -> None:
    op.create_table(
        f"{_P}notices",
        sa.Column("key", _name(), primary_key=True),
        sa.Column("at", _instant(), nullable=False),
        sa.Column("document", sa.Text, nullable=False),
    )
    op.create_index(f"{_P}notices_by_time", f"{_P}notices", ["at"])
    table = f"{_P}deliveries"
    op.create_table(
        table,
        sa.Column("key", _name(), primary_key=True),
        sa.Column("address", _name(), primary_key=True),
        sa.Column("pending_at", _instant()),
        sa.Column("lost_at", _instant()),
        sa.Column("next_at", _instant(), nullable=False),
        sa.Column("delivered_at", _instant()),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("problem", sa.Text, nullable=False),
    )
    op.create_index(f"{table}_pending", table, ["pending_at"])
    op.create_index(f"{table}_lost", table, ["lost_at"])


def _alarms() -> None:
    op.create_table(
        f"{_P}alarms",
        sa.Column("key", _name(), primary_key=True),
        sa.Column("since", _instant(), nullable=False),
        sa.Column("document", sa.Text, nullable=False),
    )
    op.create_table(
        f"{_P}audit",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("at", _instant(), nullable=False),
        sa.Column("document", sa.Text, nullable=False),
    )
    op.create_index(f"{_P}audit_by_time", f"{_P}audit", ["at"])
