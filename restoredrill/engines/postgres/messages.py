"""What pg_restore said on standard error, as values: every error under a rule, none lost, and no row in any.

Written for pg_restore 13 to 18 with `lc_messages` C. Up to 14 it names the entry of the archive before an
error, later ones only with `--verbose`; its parallel workers write to the same pipe, so lines can be mixed.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from restoredrill.engines.postgres.saying import Said, sayings
from restoredrill.model import Finding, Severity


class Blame(StrEnum):
    """Whom a message speaks about."""

    NOBODY = "nobody"  # harmless: listed, never fatal
    BACKUP = "backup"  # or what it needs and does not find here
    MACHINE = "machine"  # nothing is known about the backup


class Rule(StrEnum):
    """Stable names, for `ignore` in a schedule and for reports."""

    EXTENSION_MISSING = "EXTENSION_MISSING"
    ROLE_MISSING = "ROLE_MISSING"
    COLLATION_MISSING = "COLLATION_MISSING"
    OBJECT_EXISTS = "OBJECT_EXISTS"
    DATA_REJECTED = "DATA_REJECTED"
    ARCHIVE_UNREADABLE = "ARCHIVE_UNREADABLE"
    CONSTRAINT_FAILED = "CONSTRAINT_FAILED"
    PERMISSION = "PERMISSION"
    RESTORE_ERROR = "RESTORE_ERROR"
    ERRORS_MISCOUNTED = "ERRORS_MISCOUNTED"
    DISK_FULL = "DISK_FULL"
    OUT_OF_MEMORY = "OUT_OF_MEMORY"
    SERVER_DIED = "SERVER_DIED"
    PRESENT_ALREADY = "PRESENT_ALREADY"  # harmless: every database has it
    COMMENT_REFUSED = "COMMENT_REFUSED"  # harmless: a comment on what belongs to the server
    SETTING_UNKNOWN = "SETTING_UNKNOWN"  # harmless: a newer pg_restore than the server
    WARNING = "WARNING"  # harmless: everything that is called a warning and is none of the above


@dataclass(frozen=True)
class RestoreMessage:
    """One thing that pg_restore said. `text` names objects, columns and lines, never values."""

    rule: Rule
    blame: Blame
    severity: Severity
    object: str
    text: str
    hint: str = ""

    @property
    def harmless(self) -> bool:
        """Does it leave the restore whole?"""
        return self.blame is Blame.NOBODY

    def finding(self) -> Finding:
        """The same as the report has it."""
        return Finding(
            rule=self.rule,
            severity=self.severity,
            object=self.object,
            message=self.text,
            hint=self.hint,
        )


_MACHINE = frozenset({Rule.DISK_FULL, Rule.OUT_OF_MEMORY, Rule.SERVER_DIED})
_HARMLESS = frozenset({Rule.PRESENT_ALREADY, Rule.COMMENT_REFUSED, Rule.SETTING_UNKNOWN, Rule.WARNING})
_CRITICAL = _MACHINE | {Rule.DATA_REJECTED, Rule.ARCHIVE_UNREADABLE, Rule.ERRORS_MISCOUNTED}

_HINTS = {
    Rule.EXTENSION_MISSING: "install the extension's package for this PostgreSQL on the machine",
    Rule.ROLE_MISSING: "the backup's globals lack the role; it was made after them, or could not be read",
    Rule.COLLATION_MISSING: "give the machine the locale, or a PostgreSQL built with ICU",
    Rule.DATA_REJECTED: "the stored rows are not what this table takes",
    Rule.ARCHIVE_UNREADABLE: "the backup is damaged or incomplete",
    Rule.CONSTRAINT_FAILED: "the stored rows break the constraint: the source's index may be corrupt",
    Rule.ERRORS_MISCOUNTED: "an error was not seen; trust nothing of this restore",
    Rule.DISK_FULL: "give the drill more disk",
    Rule.OUT_OF_MEMORY: "give the drill more memory, or fewer jobs",
    Rule.SERVER_DIED: "see the throwaway server's log",
}

# The first that fits an error's first line. What stops the machine comes first: other errors follow from it.
# A pattern with ^ means what pg_restore says itself; the server's words come after "…: ERROR:  ".
_BY_TEXT = (
    (Rule.OUT_OF_MEMORY, "out of memory"),
    (Rule.OUT_OF_MEMORY, "Cannot allocate memory"),
    (Rule.OUT_OF_MEMORY, "could not (map|resize) .*shared memory"),  # /dev/shm is full, which is memory
    (Rule.DISK_FULL, "No space left on device"),
    (Rule.DISK_FULL, "[Dd]isk quota exceeded"),
    (Rule.DISK_FULL, "could not extend file"),
    (Rule.SERVER_DIED, "server closed the connection|no connection to the server|terminating connection"),
    (Rule.SERVER_DIED, "connection to server .* failed|reconnection failed|connection has been closed"),
    (Rule.SERVER_DIED, "could not (connect to|receive data from|send data to) server"),
    (Rule.SERVER_DIED, "the database system is (starting|shutting|not|in)"),
    (Rule.ARCHIVE_UNREADABLE, "^could not (open|read|close|find|seek) .*(file|directory|block|entry|TOC)"),
    (Rule.ARCHIVE_UNREADABLE, "^could not (read|determine|uncompress|decompress|initialize|create LZ4)"),
    (Rule.ARCHIVE_UNREADABLE, "^(input file|directory|corrupt|invalid|unexpected|unrecognized|unsupported) "),
    (Rule.ARCHIVE_UNREADABLE, "^(bad|entry ID|expected format|sanity check|found unexpected|error reading) "),
    (Rule.ARCHIVE_UNREADABLE, "^did not find magic|cannot restore from compressed|no data will be available"),
    (Rule.ROLE_MISSING, 'ERROR:  role "[^"]*" does not exist'),
    (Rule.EXTENSION_MISSING, 'extension "[^"]*" (is not available|does not exist|has no )'),
    (Rule.EXTENSION_MISSING, "could not open extension control file|could not (access file|load library)"),
    (Rule.EXTENSION_MISSING, "must be loaded via shared_preload_libraries"),
    (Rule.COLLATION_MISSING, 'collation "[^"]*" (for encoding "[^"]*" )?does not exist'),
    (Rule.COLLATION_MISSING, "could not create locale|invalid locale name|could not open collator"),
    (Rule.COLLATION_MISSING, "ICU is not supported|not supported (by|with) (collation provider|ICU)"),
    (Rule.DATA_REJECTED, "^COPY failed for table|^could not write to large object|PQputCopy"),
    (Rule.CONSTRAINT_FAILED, "could not create (unique index|exclusion constraint)"),
    (Rule.CONSTRAINT_FAILED, "violates .*constraint|is violated by some row|contains null values"),
    (Rule.CONSTRAINT_FAILED, "there is no unique constraint matching"),
    (Rule.PERMISSION, "permission denied|must be (owner|superuser|member|a member|able to SET ROLE)"),
    (
        Rule.OBJECT_EXISTS,
        "already exists|multiple primary keys for|is already (a )?(member|partition)",
    ),
)
_COMPILED = tuple((rule, re.compile(pattern)) for rule, pattern in _BY_TEXT)

# (first line of the error, first line of the command): both must fit.
_HARMLESS_PAIRS = (
    (
        Rule.PRESENT_ALREADY,
        re.compile(r'schema "public" already exists'),
        re.compile("CREATE SCHEMA public;"),
    ),
    (
        Rule.PRESENT_ALREADY,
        re.compile(r'(extension|language) "plpgsql" already exists'),
        re.compile("CREATE (EXTENSION|(OR REPLACE )?(TRUSTED )?(PROCEDURAL )?LANGUAGE)"),
    ),
    (
        Rule.COMMENT_REFUSED,
        re.compile("must be owner of (extension|schema public|language plpgsql)"),
        re.compile("COMMENT ON (EXTENSION|SCHEMA public|LANGUAGE|PROCEDURAL LANGUAGE)"),
    ),
    (
        Rule.SETTING_UNKNOWN,
        re.compile("unrecognized configuration parameter"),
        re.compile(r"SET (transaction_timeout|idle_session_timeout|default_table_access_method) = "),
    ),
)

# warn_or_exit_horribly: counted, and the restore goes on. With all other errors pg_restore ends at once.
_GOES_ON = (
    "could not execute query: ",
    "COPY failed for table ",
    "could not start database transaction: ",
    "could not commit database transaction: ",
    "could not write to large object: ",
    "could not set session user to ",
    "could not set search_path to ",
    "could not set default_tablespace to ",
    "could not set default_table_access_method: ",
)

_SUMMARY = re.compile(r"errors ignored on restore: (\d+)")
_WORKER_DIED = "a worker process died unexpectedly"


def classify(lines: Iterable[str], exit_code: int, jobs: int) -> tuple[RestoreMessage, ...]:
    """Everything pg_restore said that is not mere progress, in order; nothing, or only `harmless` messages,
    if and only if the restore went well.

    `lines`: its standard error, without line ends. `exit_code`: its status (negative: the signal). `jobs`:
    what `-j` was, which decides how it counts errors.
    """
    said = list(sayings(lines))
    counts = [int(m[1]) for s in said if s.level == "warning" and (m := _SUMMARY.search(s.text))]
    told = [s for s in said if s.level != "warning" or not _SUMMARY.search(s.text)]
    pairs = [(s, _message(s)) for s in told if s.text != _WORKER_DIED]
    messages = [message for _, message in pairs]
    failed = any(not message.harmless for message in messages)
    messages += [_worker_died(failed) for s in told if s.text == _WORKER_DIED]
    counted = counts[-1] if counts else 0
    if not any(_ends_at_once(s) for s in told):
        messages += _miscounted([message for s, message in pairs if s.level == "error"], counted, jobs)
    if all(message.harmless for message in messages):
        messages += _silent(exit_code, counted)
    return tuple(messages)


def of_server(
    primary: str, detail: str, context: str, command: str, *, copying: bool = False
) -> RestoreMessage:
    """What a server said to a statement that was sent without pg_restore, under the same rules.

    `copying`: the statement is a COPY, so that an error in its rows is the rows' fault.
    """
    words = f"ERROR:  {primary}"
    named = re.match(r'COPY ((?:"(?:[^"]|"")+"|[^\s("])+)', command)
    table = named[1].rpartition(".")[2].strip('"') if named else ""
    text = f'COPY failed for table "{table}": {words}' if copying else f"could not execute query: {words}"
    said = Said("error", text, details=[detail], contexts=[context], command=command.splitlines())
    return _message(said)


def _message(said: Said) -> RestoreMessage:
    rule = _rule(said)
    blame = Blame.NOBODY if rule in _HARMLESS else Blame.MACHINE if rule in _MACHINE else Blame.BACKUP
    severity = (
        Severity.LOW if rule in _HARMLESS else Severity.CRITICAL if rule in _CRITICAL else Severity.HIGH
    )
    return RestoreMessage(rule, blame, severity, said.object, said.safe_text(), _HINTS.get(rule, ""))


def _rule(said: Said) -> Rule:
    subject = said.subject
    if said.level != "error":
        lost = "no data will be available" in subject
        return Rule.ARCHIVE_UNREADABLE if lost else Rule.WARNING
    command = said.command[0] if said.command else ""
    for rule, text, beginning in _HARMLESS_PAIRS:
        if text.search(subject) and beginning.match(command):
            return rule
    return next((rule for rule, pattern in _COMPILED if pattern.search(subject)), Rule.RESTORE_ERROR)


def _worker_died(failed: bool) -> RestoreMessage:
    """What a worker leaves behind: after an error of its own that is no news, alone it is all there is."""
    if failed:
        return RestoreMessage(Rule.WARNING, Blame.NOBODY, Severity.LOW, "pg_restore", _WORKER_DIED)
    return RestoreMessage(Rule.RESTORE_ERROR, Blame.MACHINE, Severity.CRITICAL, "pg_restore", _WORKER_DIED)


def _miscounted(errors: list[RestoreMessage], counted: int, jobs: int) -> list[RestoreMessage]:
    """A finding if pg_restore counted other errors than it told.

    One job counts each error. Parallel workers count theirs, and pg_restore one more for each of their pieces
    of work that had any (mark_restore_job_done): an error counts once or twice. Harmless ones come up before
    there are workers; settings are refused on each connection and not always counted.
    """
    settings = sum(message.rule is Rule.SETTING_UNKNOWN for message in errors)
    harmless = sum(message.harmless for message in errors) - settings
    fatal = len(errors) - settings - harmless
    most = harmless + settings + fatal * (2 if jobs > 1 else 1)
    if harmless + fatal <= counted <= most:
        return []
    text = f"pg_restore counted {counted} errors, and told {len(errors)}"
    hint = _HINTS[Rule.ERRORS_MISCOUNTED]
    return [RestoreMessage(Rule.ERRORS_MISCOUNTED, Blame.BACKUP, Severity.CRITICAL, "pg_restore", text, hint)]


def _silent(exit_code: int, counted: int) -> list[RestoreMessage]:
    """A finding if pg_restore's status is none that its words explain."""
    if exit_code == 0 or (exit_code == 1 and counted):
        return []
    ended = f"it was ended by signal {-exit_code}" if exit_code < 0 else f"it ended with status {exit_code}"
    return [
        RestoreMessage(
            Rule.RESTORE_ERROR, Blame.MACHINE, Severity.CRITICAL, "pg_restore", f"{ended} without saying why"
        )
    ]


def _ends_at_once(said: Said) -> bool:
    """Did pg_restore (or a worker, which ends it all) stop here, without a count? (pg_fatal)"""
    return said.level == "error" and not said.text.startswith(_GOES_ON)
