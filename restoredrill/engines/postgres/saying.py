"""Takes pg_restore's standard error apart, and takes the data out of it.

A server quotes rows when it complains of them: in the message itself (`invalid input syntax for type integer:
"…"`), in DETAIL (`Key (email)=(…)`), in CONTEXT (`COPY t, line 3, column c: "…"`). What leaves this module
holds names of objects and columns, and line numbers, but no values.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

_LONGEST = 300
_PASSING = "progress"

# As quote_ident writes it: whatever is not in lower case is quoted, and capitals are key words.
_NAME = r'(?:"(?:[^"]|"")+"|[a-z_][a-z0-9_$]*)'
_QUALIFIED = rf"{_NAME}(?:\.{_NAME})*"

# A quoted word after one of these is a name; any other may be a value.
_NAMED = frozenset(
    (
        "aggregate",
        "attribute",
        "cast",
        "class",
        "collation",
        "column",
        "config",
        "configuration",
        "constraint",
        "conversion",
        "database",
        "dictionary",
        "directory",
        "domain",
        "encoding",
        "extension",
        "family",
        "file",
        "function",
        "index",
        "language",
        "library",
        "materialized",
        "method",
        "object",
        "operator",
        "option",
        "parameter",
        "parser",
        "partition",
        "policy",
        "procedure",
        "publication",
        "relation",
        "role",
        "routine",
        "rule",
        "schema",
        "sequence",
        "server",
        "socket",
        "statistics",
        "subscription",
        "table",
        "tablespace",
        "template",
        "trigger",
        "type",
        "user",
        "view",
        "wrapper",
    )
)
# `"parts_1" is already a partition`
_NAMED_FIRST = re.compile(
    r'"[^"]*" is (already |not )?an? (partition|\w+ table|table|\w+ view|view|index|sequence)'
)
_QUOTED = re.compile(r'(\w+)?( ?)(["\'«„])')
_BYTES = re.compile(r"\b0x[0-9a-fA-F]{2}")
_PATH = re.compile(r'"(?:/[^"/]*)*/([^"/]+)"')
_WORDS_FIRST = re.compile(r"^.*?(?:ERROR|FATAL|PANIC):  ")

_KEY = re.compile(
    r"Key \((.+?)\)=\(.*\) (already exists|is duplicated|is not present in table|is still referenced"
    r"|conflicts with)",
    re.DOTALL,
)
_COPY_AT = re.compile(r"COPY (.+?), line (\d+)(?:, column (.+?))?(?::|$)")
_USER_WORDS = re.compile(r"at (RAISE|ASSERT)\b|\bPL/(?!pgSQL)")

# Workers write to one pipe, and a message's lead ("pg_restore:", " ", "error: ") apart from its text, which
# comes at once with its end of line (pg_log_generic_v): behind a lead there may be another's text, or a text
# may have none. Seen in some 6 of 100 restores with errors.
_LEAD = re.compile(r"\s*(?:(?:pg_restore:|error:|warning:|detail:|hint:) *)+")
_ERROR = re.compile(
    r"could not |COPY failed for table |a worker process died|error returned by |reconnection failed"
    r"|connection to server |query failed: "
)
_PROGRESS = re.compile(
    r"from TOC entry|while (INITIALIZING|PROCESSING|FINALIZING)|(launching|finished|skipping|processing) item"
    r"|(creating|executing|processing|restoring|restored|entering|finished|connecting|setting|implied) "
)
_ENTRY = re.compile(r"from TOC entry \d+; \d+ \d+ (.*)")
_NOTICE = re.compile(r"(WARNING|NOTICE|INFO|LOG|DEBUG):  (.*)")
_COUNT = re.compile(r"errors ignored on restore: \d+")
_PART = re.compile(r"(DETAIL|HINT|CONTEXT|QUERY|LOCATION|Command was): ? ?(.*)")
_EXCERPT = re.compile(r"LINE \d+: ")

_COMMANDS = (
    # ALTER TABLE ONLY shop.b ADD CONSTRAINT b_fk …: the table is what people look for.
    re.compile(rf"ALTER (?:FOREIGN )?TABLE (?:IF EXISTS )?(?:ONLY )?({_QUALIFIED})"),
    re.compile(rf"CREATE (?:UNIQUE )?INDEX .*? ON (?:ONLY )?({_QUALIFIED})"),
    re.compile(rf"CREATE (?:CONSTRAINT )?TRIGGER .*? ON ({_QUALIFIED})"),
    re.compile(rf"COPY ({_QUALIFIED}) "),
    re.compile(rf"TRUNCATE TABLE (?:ONLY )?({_QUALIFIED})"),
    re.compile(rf"REFRESH MATERIALIZED VIEW ({_QUALIFIED})"),
    re.compile(rf"GRANT .*? ON (?:[A-Z ]+ )?({_QUALIFIED})"),
    re.compile(rf"COMMENT ON [A-Z ]+ ({_QUALIFIED})"),
    re.compile(rf"(?:CREATE|ALTER)(?: OR REPLACE)?(?: [A-Z]+)+ ({_QUALIFIED})(?=[\s(;]|$)"),
)
_MENTIONED = re.compile(r'(?:COPY failed for table|(?:ERROR:  )(?:role|extension|collation)) "([^"]*)"')


@dataclass
class Said:
    """One error or warning with what belongs to it. Raw: only `object` and `safe_text()` may leave."""

    level: str  # error, warning (pg_restore's own) or notice (the server's)
    text: str  # the first line, without "pg_restore: error: "
    entry: str = ""  # "TABLE DATA orders owner", where it was told
    details: list[str] = field(default_factory=list)
    contexts: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)

    @property
    def object(self) -> str:
        """The object it is about, as well as that can be told."""
        if match := _MENTIONED.search(self.text):
            return match[1]
        command = " ".join(line.strip() for line in self.command[:3])
        for pattern in _COMMANDS:
            if match := pattern.match(command):
                return match[1]
        if self.level == "notice":
            return "server"
        entry = self.entry.removesuffix(" (no owner)")
        return (entry if entry != self.entry else entry.rpartition(" ")[0]) or "archive"

    @property
    def subject(self) -> str:
        """What a rule may look at: who speaks (`could not execute query: ERROR:  `), and the text without
        values, so that no row can decide what the error is taken for.
        """
        who = _WORDS_FIRST.match(self.text)
        return (who[0] if who else "") + ("" if self._by_function else clean(self.text))

    @property
    def _by_function(self) -> bool:
        """Did a function of the database's own choose the words?"""
        return bool(_USER_WORDS.search("\n".join(self.contexts)))

    def safe_text(self) -> str:
        """What it says, in one line, without values."""
        if self._by_function:
            return "a function of the database itself raised an error"
        text = clean(self.text)
        context = "\n".join(self.contexts)
        if match := _KEY.match("\n".join(self.details)):
            text += f" (columns {match[1]})"
        if match := _COPY_AT.search(context):
            column = f", column {match[3]}" if match[3] else ""
            text += f" (table {match[1]}, line {match[2]}{column})"
        return text[:_LONGEST]


def clean(text: str) -> str:
    """`text` up to the first thing that may be a value; of paths only the last part."""
    text = _WORDS_FIRST.sub("", text)
    text = _PATH.sub(r'"\1"', text)
    end = len(text)
    named = _NAMED_FIRST.match(text)
    at = named.end() if named else 0
    while match := _QUOTED.search(text, at):
        closing = text.find('"', match.end())
        if match[3] != '"' or match[1] not in _NAMED or match[2] != " " or closing < 0:
            end = match.end() - 1
            break
        at = closing + 1
    if match := _BYTES.search(text, 0, end):
        end = match.start()
    if end == len(text):
        return text
    left = text[:end].rstrip(" :")
    return f"{left}: …" if left else "… (withheld: it may hold data)"


def sayings(lines: Iterable[str]) -> Iterator[Said]:
    """The errors and warnings in pg_restore's standard error, progress left out.

    Continued lines belong to what came before; a line that belongs to nothing is an error of its own.
    """
    said: Said | None = None
    part: list[str] | None = None
    entry, begun = "", False
    for line in lines:
        new = _begin(line)
        if new is None and (begun or not line.strip()):
            part = _continue(said, part, line) if said is not None else None
            continue
        if said is not None and said.level != _PASSING:
            yield said
        said, part, begun = new or Said("error", line), None, True
        if match := _ENTRY.match(said.text):
            entry = match[1]
        if said.level == "error":
            said.entry = entry
    if said is not None and said.level != _PASSING:
        yield said


def _begin(line: str) -> Said | None:
    """What a line begins, or nothing if it continues what came before."""
    lead = _LEAD.match(line)
    tokens = lead[0] if lead else ""
    text = line[len(tokens) :]
    if _COUNT.match(text):
        return Said("warning", text)
    if _ERROR.match(text):
        return Said("error", text)
    if _PROGRESS.match(text) and (tokens or _ENTRY.match(text)):
        return Said(_PASSING, text)
    if "pg_restore:" not in tokens:
        return None
    if match := _NOTICE.match(text):
        return Said("notice" if match[1] == "WARNING" else _PASSING, match[2])
    level = next((level for level in ("error", "warning") if f"{level}:" in tokens), _PASSING)
    return Said(level, text)


def _continue(said: Said, part: list[str] | None, line: str) -> list[str] | None:
    """Put a line where it belongs; returns where the next one goes if it says nothing else."""
    match = _PART.match(line)
    if match is None and not _EXCERPT.match(line):
        if part is not None:
            part.append(line)
        return part
    parts = {"DETAIL": said.details, "CONTEXT": said.contexts, "Command was": said.command}
    chosen = parts.get(match[1]) if match else None
    if part is said.command:
        # A function's body may have such lines; nothing but a new message ends a command.
        part.append(line)
        return part
    if chosen is not None and match is not None:
        chosen.append(match[2])
    return chosen
