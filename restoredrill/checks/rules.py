"""Every rule a drill can find broken: its stable name, how bad that is, and what to do about it.

Names are for good: they stand in `ignore` entries. What the engine says of a restore is more specific than
the hint here, and it may find the same rule less severe (a harmless one, say).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from restoredrill.model import Finding, Severity

_INFO, _LOW, _MEDIUM, _HIGH, _CRITICAL = Severity


@dataclass(frozen=True)
class Rule:
    """`means` completes "it is found that …"; `hint` says what to do."""

    severity: Severity
    means: str
    hint: str


RULES: Final[Mapping[str, Rule]] = {
    # the archive in the vault
    "NO_BACKUP": Rule(_HIGH, "there is no backup to drill", "take one with `restoredrill backup`"),
    "MANIFEST_UNREADABLE": Rule(
        _CRITICAL,
        "the newest backup's manifest can't be read",
        "take another; `--backup ID` drills an older one",
    ),
    "BACKUP_STALE": Rule(
        _HIGH,
        "the newest backup is older than its schedule promises",
        "find out why there is no newer one; `restoredrill backup` says what is in the way",
    ),
    "BACKUP_FROM_THE_FUTURE": Rule(
        _HIGH,
        "the backup says it was taken at a time that is still to come",
        "set the clocks right: its age, and so RPO and retention, are worth nothing",
    ),
    "OBJECT_CORRUPT": Rule(
        _CRITICAL,
        "a stored object is not what its manifest says",
        "the backup is bad: keep another, find out why",
    ),
    "OBJECT_NOT_THERE": Rule(
        _CRITICAL, "an object of the backup is gone", "look into the bucket's versions and lifecycle rules"
    ),
    "ARCHIVE_CORRUPT": Rule(
        _CRITICAL,
        "the archive contradicts itself or its manifest",
        "the backup is bad: keep another, find out why",
    ),
    "ARCHIVE_UNREADABLE": Rule(
        _CRITICAL, "pg_restore can't read the archive", "the backup is damaged or incomplete"
    ),
    "DATA_NOT_READ": Rule(
        _CRITICAL, "a data file was never asked for", "the table of contents does not belong to these files"
    ),
    "FILE_EXTRA": Rule(_MEDIUM, "the backup has a file that nothing refers to", "find out who put it there"),
    # a dump that somebody else has taken
    "DUMP_EMPTY": Rule(
        _CRITICAL, "the dump holds nothing, packed or not", "look into the log of whatever took it"
    ),
    "DUMP_CUT": Rule(
        _CRITICAL,
        "the dump ends in the middle",
        "keep another, find out what cut it off: a full disk, a time-out",
    ),
    "DUMP_DAMAGED": Rule(
        _CRITICAL, "the dump can't be unpacked or opened", "keep another, find out what changed it"
    ),
    "DUMP_UNKNOWN": Rule(
        _CRITICAL, "what is called like a dump is none", "correct `match`, or find out what wrote it"
    ),
    "DUMP_COMMAND": Rule(
        _CRITICAL, "the dump holds a command of psql's that pg_dump never writes", "find out who wrote it"
    ),
    "CHECKSUM_DIFFERS": Rule(
        _CRITICAL, "a dump's checksum file does not fit it", "the dump was changed, or it is another one's"
    ),
    "NOTHING_RESTORED": Rule(
        _HIGH, "there is no table in the restored database, or no row", "was the wrong database dumped?"
    ),
    "ROLES_MADE_UP": Rule(
        _LOW,
        "the dump names roles that it does not hold, and the drill made them",
        "keep `pg_dumpall --globals-only` beside the dumps",
    ),
    "LIVE_AHEAD": Rule(
        _HIGH, "the live database has what the dump lacks", "was it dumped before that, or without it?"
    ),
    "LIVE_DIFFERS": Rule(_LOW, "the live database is not what it was in the dump", "it has moved on since"),
    "SERVER_TOO_OLD": Rule(
        _HIGH, "the dump is from a newer PostgreSQL than any on the machine", "install that one there"
    ),
    # the restore
    "ROLE_MISSING": Rule(
        _HIGH, "a role that the database needs is not in the backup", "let the backing-up role read pg_roles"
    ),
    "ROLE_NOT_RESTORED": Rule(_HIGH, "a role or membership was not restored", "look into globals.sql.zst"),
    "ROLE_SETTING": Rule(_LOW, "a role's setting was refused", "this PostgreSQL does not know it"),
    "EXTENSION_MISSING": Rule(
        _HIGH, "an extension is not installed on the machine", "install its package for this PostgreSQL there"
    ),
    "COLLATION_MISSING": Rule(
        _HIGH,
        "a collation or locale is not known on the machine",
        "give it the locale, or a PostgreSQL with ICU",
    ),
    "OBJECT_EXISTS": Rule(
        _HIGH, "an object was there before it was restored", "find out what makes it twice"
    ),
    "DATA_REJECTED": Rule(
        _CRITICAL, "a table did not take its rows", "the stored rows are not what this table takes"
    ),
    "CONSTRAINT_FAILED": Rule(
        _HIGH,
        "the restored rows break a constraint",
        "look for the offending rows on the source, then REINDEX there",
    ),
    "PERMISSION": Rule(
        _HIGH, "the restore lacked a permission", "a drill restores as superuser: find out what differs"
    ),
    "RESTORE_ERROR": Rule(
        _HIGH, "the restore reported an error", "read the message; restore by hand if it is not clear"
    ),
    "ERRORS_MISCOUNTED": Rule(
        _CRITICAL,
        "pg_restore counted other errors than it told",
        "an error was not seen; trust nothing of it",
    ),
    "PRESENT_ALREADY": Rule(
        _LOW, "something that every database has was there already", "nothing needs to be done"
    ),
    "COMMENT_REFUSED": Rule(
        _LOW, "a comment on what belongs to the server was refused", "nothing needs to be done"
    ),
    "SETTING_UNKNOWN": Rule(_LOW, "the server is older than a setting", "nothing needs to be done"),
    "WARNING": Rule(_LOW, "the restore reported a warning", "read it once, then ignore it with a reason"),
    # the machine
    "DISK_FULL": Rule(_CRITICAL, "the machine's disk was full", "give the drill more disk"),
    "OUT_OF_MEMORY": Rule(
        _CRITICAL, "the machine's memory was full", "give the drill more memory, or fewer jobs"
    ),
    "SERVER_DIED": Rule(_CRITICAL, "the throwaway server ended by itself", "see its log for the reason"),
    "MACHINE_FAILED": Rule(_HIGH, "the machine failed or went silent", "run the drill again"),
    "DEADLINE_OVER": Rule(
        _HIGH, "the deadline passed before the drill was done", "raise the deadline, or the jobs"
    ),
    "PLAN_UNMET": Rule(
        _HIGH, "no machine can be planned that would do", "mend what the plan names; `--dry-run` shows it all"
    ),
    "CAPACITY_MISSING": Rule(
        _HIGH, "none of the planned machines could be had", "name more types, subnets or markets, or wait"
    ),
    "BOOT_TIMEOUT": Rule(
        _HIGH, "a machine was started and never heard of", "read its console: a route, a right, a bundle?"
    ),
    "MACHINE_SILENT": Rule(
        _HIGH, "a machine stopped saying anything", "read its console; raise `silence` if it was only slow"
    ),
    "PHASE_TIMEOUT": Rule(_HIGH, "a phase took longer than its limit", "raise `limits`, or the machine"),
    "MACHINE_RECLAIMED": Rule(
        _HIGH, "the machine was taken away, and so was the next", "run it again, or with `market: on-demand`"
    ),
    "SECRET_UNREADABLE": Rule(
        _HIGH,
        "the machine could not read a secret",
        "let its role read it, and use its KMS key",
    ),
    "KEY_MISSING": Rule(
        _HIGH, "the backup is encrypted, and there is no key", "name the private key in `drill.decrypt_with`"
    ),
    "KEY_WRONG": Rule(
        _HIGH,
        "the key does not open the backup",
        "use the private key that belongs to one of `backup.encrypt_to`",
    ),
    "TOOL_MISSING": Rule(
        _HIGH,
        "the machine lacks a program, or a server that is new enough",
        "install it there; `restoredrill doctor` lists what there is",
    ),
    "COST_UNKNOWN": Rule(
        _INFO, "what the drill has cost is not known", "let the controller read instances and prices"
    ),
    "INTERRUPTED": Rule(_HIGH, "somebody interrupted the drill", "run it again"),
    "REPORT_NOT_STORED": Rule(
        _HIGH, "the report could not be stored", "keep this output: the vault does not have it"
    ),
    "NOT_ISOLATED": Rule(
        _INFO,
        "the restored database could reach what this host reaches",
        "leave `isolated` on where the host allows it",
    ),
    "IGNORE_UNUSED": Rule(
        _LOW,
        "an `ignore` entry has met nothing for 30 days",
        "remove it from the file, so that it hides nothing",
    ),
    # structure: every object against the fingerprint
    "TABLE_MISSING": Rule(
        _CRITICAL, "a table is not there", "see the restore's errors; was it excluded from the dump?"
    ),
    "TABLE_EXTRA": Rule(_MEDIUM, "a table is there that the source did not have", "find out who made it"),
    "OBJECT_MISSING": Rule(
        _HIGH, "an object is not there", "see the restore's errors; without one, the dump does not hold it"
    ),
    "OBJECT_EXTRA": Rule(_MEDIUM, "an object is there that the source did not have", "find out what made it"),
    "OBJECT_DIFFERS": Rule(
        _HIGH,
        "an object is not defined, valid or enabled as on the source",
        "compare the two definitions in psql",
    ),
    "OWNER_DIFFERS": Rule(
        _HIGH,
        "an object belongs to another role",
        "the owner must be among the roles in the backup's globals",
    ),
    "GRANT_MISSING": Rule(
        _HIGH, "somebody may not do what they may on the source", "see the restore's errors"
    ),
    "GRANT_EXTRA": Rule(_HIGH, "somebody may do what they may not on the source", "find out who granted it"),
    "GRANT_DIFFERS": Rule(
        _HIGH, "somebody's rights are not those of the source", "compare \\dp on both sides"
    ),
    "COMMENT_DIFFERS": Rule(_LOW, "a comment is not that of the source", "see the restore's messages"),
    "EXTENSION_VERSION": Rule(
        _MEDIUM,
        "an extension has another version",
        "a dump does not say the version: install the source's, or ignore this with a reason",
    ),
    "COLLATION_VERSION": Rule(
        _LOW,
        "a collation has another version",
        "indexes were built anew and are right; sort order may differ",
    ),
    "DATABASE_DIFFERS": Rule(
        _HIGH,
        "the database's encoding, locale or limit is not that of the source",
        "compare \\l on both sides",
    ),
    "NAMES_ONLY": Rule(
        _INFO, "definitions were not compared", "drill on the source's own major to have them compared"
    ),
    # content: every row against the fingerprint
    "ROWS_MISSING": Rule(
        _CRITICAL,
        "a table has fewer rows",
        "rows were lost between the source and here; keep an older backup",
    ),
    "ROWS_EXTRA": Rule(
        _HIGH, "a table has more rows", "find out what wrote them: a trigger, a restore done twice?"
    ),
    "CONTENT_DIFFERS": Rule(
        _CRITICAL,
        "a table has as many rows, but not the same",
        "compare some with the source; keep an older backup",
    ),
    "SEQUENCE_DIFFERS": Rule(
        _HIGH,
        "a sequence is behind the source's",
        "it would hand out numbers again: setval() after a restore",
    ),
    "SEQUENCE_AHEAD": Rule(
        _INFO,
        "a sequence is ahead of the fingerprint",
        "it moved on while the dump ran; no number is used twice",
    ),
    # integrity: what needs no fingerprint
    "SEQUENCE_BEHIND": Rule(
        _HIGH,
        "a sequence would hand out numbers again that its column holds already",
        "setval() it on the source, where inserts are about to fail as well",
    ),
    "CONSTRAINT_NOT_VALID": Rule(
        _MEDIUM,
        "a constraint was never validated",
        "ALTER TABLE … VALIDATE CONSTRAINT on the source, or ignore this with a reason",
    ),
    "TRIGGER_DISABLED": Rule(
        _MEDIUM,
        "a trigger is disabled",
        "ALTER TABLE … ENABLE TRIGGER on the source, or ignore this with a reason",
    ),
    "VIEW_NOT_POPULATED": Rule(
        _MEDIUM,
        "a materialized view has no content",
        "REFRESH it on the source, or ignore this with a reason",
    ),
    "INDEX_INVALID": Rule(
        _MEDIUM,
        "an index is not valid",
        "REINDEX it or drop it on the source: a dump leaves it out",
    ),
    "INDEX_CORRUPT": Rule(
        _CRITICAL,
        "a B-tree contradicts itself or its table",
        "it was built just now: suspect its operators, its collation, or the machine",
    ),
    "KEY_NOT_UNIQUE": Rule(
        _CRITICAL,
        "rows have the same key where a unique index stands",
        "look for them on the source, without its index",
    ),
    "KEY_BROKEN": Rule(
        _CRITICAL,
        "rows refer to rows that are not there, though a foreign key stands",
        "look for them on the source: was the key made while triggers were off?",
    ),
    # what was restored against what the last passed drill had restored
    "OTHER_DATABASE": Rule(
        _CRITICAL,
        "the backup is of another database than the last that passed",
        "look at `source.url`; if it is meant so, ignore this until the next pass",
    ),
    "TABLE_GONE": Rule(
        _HIGH,
        "a table that had rows when a drill last passed is not in the backup",
        "was it dropped on purpose? then ignore this until the next pass; else keep an older backup",
    ),
    "TABLE_EMPTIED": Rule(
        _HIGH,
        "a table that had rows when a drill last passed is empty",
        "was it emptied on purpose? then ignore this with a reason; else keep an older backup",
    ),
    "ROWS_FELL": Rule(
        _HIGH,
        "a table has far fewer rows than when a drill last passed",
        "were they deleted on purpose? `drill.max_fall` says how many may go from drill to drill",
    ),
    "DATABASE_EMPTY": Rule(
        _CRITICAL,
        "there is nothing in the backup: no table, view, function or type",
        "was the right database dumped, by a role that sees what is in it?",
    ),
    # the user's own checks and targets
    "TABLE_NOT_FOUND": Rule(
        _HIGH, "a check names a table that is not there", "is the name right, and qualified?"
    ),
    "COLUMN_NOT_FOUND": Rule(_HIGH, "a check names a column that is not there", "is the name right?"),
    "ROWS_TOO_FEW": Rule(_HIGH, "a table has fewer rows than `min`", "rows were lost, or `min` is too high"),
    "ROWS_TOO_MANY": Rule(_HIGH, "a table has more rows than `max`", "it grew, or holds what it should not"),
    "NOTHING_FRESH": Rule(
        _HIGH, "there is no value to tell freshness by", "is it the right column of the right table?"
    ),
    "NOT_FRESH": Rule(
        _HIGH, "the newest value is older than `max_age`", "are backups running, and is anything written?"
    ),
    "FROM_THE_FUTURE": Rule(
        _MEDIUM,
        "the newest value lies in the future",
        "it hides how old the others are: look for it on the source",
    ),
    "NOT_A_TIME": Rule(
        _HIGH, "a freshness check's column holds no time", "name a date or timestamp, or seconds since 1970"
    ),
    "ROWS_GREW": Rule(
        _MEDIUM,
        "a table has far more rows than when a drill last passed",
        "is something written twice? `max_growth` says how many may come",
    ),
    "NOT_UNIQUE": Rule(
        _HIGH, "values that a check wants to be unique stand more than once", "look for them on the source"
    ),
    "ORPHANS": Rule(
        _HIGH,
        "rows refer to rows that are not there",
        "look for them on the source; a foreign key forbids it",
    ),
    "QUERY_SLOW": Rule(
        _HIGH,
        "a query took longer than its ceiling",
        "compare its plan with the source's: an index, or statistics (ANALYZE)?",
    ),
    "SCHEMA_CHANGED": Rule(
        _HIGH,
        "an object is not as in the reference file",
        "if it is meant so: `restoredrill reference NAME` writes the file anew, and people review it",
    ),
    "NOT_AS_EXPECTED": Rule(
        _HIGH, "a query's answer is not what is expected", "run the query on the source as well"
    ),
    "QUERY_FAILED": Rule(
        _HIGH, "a check's query failed", "run it by hand; `--keep` leaves the server running"
    ),
    "QUERY_TIMEOUT": Rule(
        _HIGH, "a check's query took too long", "raise its `timeout`, or help it with an index"
    ),
    "COMMAND_FAILED": Rule(
        _HIGH, "a check's command failed", "run it by hand; `--keep` leaves the server running"
    ),
    "COMMAND_TIMEOUT": Rule(_HIGH, "a check's command took too long", "raise its `timeout`"),
    "RTO_EXCEEDED": Rule(
        _HIGH, "the restore took longer than `rto`", "look at the bottleneck: more jobs, more machine?"
    ),
    "RPO_EXCEEDED": Rule(
        _HIGH, "more is lost than `rpo` allows", "back up more often, or find out why rows are old"
    ),
}


def finding(rule: str, thing: str, message: str, *, hint: str = "") -> Finding:
    """A finding under a rule of the table."""
    known = RULES[rule]
    return Finding(rule=rule, severity=known.severity, object=thing, message=message, hint=hint or known.hint)
