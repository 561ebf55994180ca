"""Notices on their way (`ledger.Outbox`)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, select, update

from restoredrill.history import schema
from restoredrill.history.access import Access, restored, written
from restoredrill.records import Delivery, Notice

_table = schema.deliveries


class DatabaseOutbox:
    """See `ledger.Outbox`."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def post(self, notice: Notice, addresses: Sequence[str]) -> bool:
        """See `Outbox.post`. A notice that has no address is remembered like the others."""
        row = {"key": notice.key, "at": notice.at, "document": written(notice)}
        fresh = [
            {"key": notice.key, "address": address, **_columns(notice, notice.at)}
            for address in sorted(set(addresses))
        ]
        with self._access.writing("a notice") as connection:
            if not self._access.added(connection, schema.notices, row):
                return False
            if fresh:
                connection.execute(self._access.insert(_table), fresh)
        return True

    def due(self, now: datetime, limit: int = 100) -> tuple[Delivery, ...]:
        """See `Outbox.due`: what has waited longest comes first."""
        return self._found(
            _query().where(_table.c.pending_at <= now).order_by(_table.c.pending_at).limit(limit)
        )

    def tried(self, delivery: Delivery) -> None:
        """See `Outbox.tried`. What was delivered stays delivered."""
        notice = delivery.notice
        change = (
            update(_table)
            .where(_table.c.key == notice.key, _table.c.address == delivery.address)
            .where(_table.c.delivered_at.is_(None))
            .values(**_columns(notice, delivery.next_at, delivery))
        )
        with self._access.writing("a delivery") as connection:
            connection.execute(change)

    def undelivered(self) -> tuple[Delivery, ...]:
        """See `Outbox.undelivered`."""
        query = _query().where(_table.c.lost_at.is_not(None))
        return self._found(query.order_by(_table.c.lost_at.desc(), _table.c.key, _table.c.address))

    def _found(self, query: Any) -> tuple[Delivery, ...]:
        with self._access.reading("notices") as connection:
            return tuple(_delivery(row) for row in connection.execute(query))


def _query() -> Any:
    return select(schema.notices.c.document, _table).join(
        schema.notices, schema.notices.c.key == _table.c.key
    )


def _columns(notice: Notice, next_at: datetime, delivery: Delivery | None = None) -> dict[str, Any]:
    ended = delivery is not None and (delivery.given_up or delivery.delivered_at is not None)
    lost = delivery is not None and delivery.given_up and delivery.delivered_at is None
    return {
        "pending_at": None if ended else next_at,
        "lost_at": notice.at if lost else None,
        "next_at": next_at,
        "delivered_at": None if delivery is None else delivery.delivered_at,
        "tries": 0 if delivery is None else delivery.tries,
        "problem": "" if delivery is None else delivery.problem.replace("\0", "\N{REPLACEMENT CHARACTER}"),
    }


def _delivery(row: "Row[Any]") -> Delivery:
    return Delivery(
        notice=restored(Notice, row.document),
        address=row.address,
        tries=row.tries,
        next_at=row.next_at,
        delivered_at=row.delivered_at,
        given_up=row.lost_at is not None,
        problem=row.problem,
    )
