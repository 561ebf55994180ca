"""What is wrong right now, and who did what (`ledger.Alarms`)."""

from collections.abc import Sequence

from sqlalchemy import delete, insert, select

from restoredrill.history import schema
from restoredrill.history.access import Access, portions, restored, upsert, written
from restoredrill.records import Alarm, AuditEntry


class DatabaseAlarms:
    """See `ledger.Alarms`."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def stand(self, alarms: Sequence[Alarm]) -> tuple[tuple[Alarm, ...], tuple[Alarm, ...]]:
        """See `Alarms.stand`."""
        table, wanted = schema.alarms, {alarm.key: alarm for alarm in alarms}
        with self._access.writing("alarms") as connection:
            self._access.alone(connection, "alarms")
            stored = connection.scalars(select(table.c.document).order_by(table.c.since, table.c.key))
            before = {alarm.key: alarm for alarm in (restored(Alarm, one) for one in stored)}
            new = tuple(alarm for key, alarm in wanted.items() if key not in before)
            over = tuple(alarm for key, alarm in before.items() if key not in wanted)
            stay = [
                alarm.model_copy(update={"since": before[key].since})
                for key, alarm in wanted.items()
                if key in before
            ]
            changed = [alarm for alarm in stay if alarm != before[alarm.key]]
            for some in portions([alarm.key for alarm in over]):
                connection.execute(delete(table).where(table.c.key.in_(some)))
            rows = [{"key": a.key, "since": a.since, "document": written(a)} for a in (*new, *changed)]
            upsert(self._access, connection, table, rows)
        return new, over

    def standing(self) -> tuple[Alarm, ...]:
        """See `Alarms.standing`: what stands longest comes first."""
        table = schema.alarms
        query = select(table.c.document).order_by(table.c.since, table.c.key)
        with self._access.reading("alarms") as connection:
            return tuple(restored(Alarm, stored) for stored in connection.scalars(query))

    def audit(self, entry: AuditEntry) -> None:
        """See `Alarms.audit`."""
        row = {"at": entry.at, "document": written(entry)}
        with self._access.writing("an audit entry") as connection:
            connection.execute(insert(schema.audit), row)

    def audited(self, limit: int = 200) -> tuple[AuditEntry, ...]:
        """See `Alarms.audited`."""
        table = schema.audit
        query = select(table.c.document).order_by(table.c.at.desc(), table.c.number.desc()).limit(limit)
        with self._access.reading("the audit log") as connection:
            return tuple(restored(AuditEntry, stored) for stored in connection.scalars(query))
