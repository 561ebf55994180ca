"""What every command has in common: shared options, output, progress, errors, signals, exit statuses.

A command is a module in this folder with one object, `command`:

    from restoredrill.cli.frame import Answer, Context, command as new_command

    @new_command
    @click.argument("name")
    def command(context: Context, name: str) -> Answer:
        \"""Take a backup now.\"""
        with context.progress() as progress:
            manifest = backup.take(…, progress)
        return Answer(manifest, f"backup {manifest.id} taken", Exit.PASSED)

It is called like its module, gets `--schedules` and `--json` for free, and raises errors of
restoredrill.errors for the frame to show. It prints nothing itself: the answer's `document` is what `--json`
prints, its `text` (a string or something rich can render) is for people, and `context.tell` is for lines that
can't wait until the end.

Several commands under one name are a package in this folder, whose `command` is a `group` of its modules.
"""

import contextlib
import importlib
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

from restoredrill import __version__, secret
from restoredrill.cli import output
from restoredrill.errors import Exit, Interrupted, RestoredrillError, UsageError

if TYPE_CHECKING:  # for the annotations; imported where it is used, as `--help` needs none of it
    from rich.console import RenderableType

    from restoredrill.protocols import Progress
    from restoredrill.settings import DatabaseConfig

PROGRAM = "restoredrill"
_SCHEDULES = "schedules"

# What a command is given and gives back ---------------------------------------------------------------------


@dataclass(frozen=True)
class Answer:
    """How a command ends. `document` may hold plain values, dataclasses, pydantic models, times, paths."""

    document: Any
    text: "RenderableType" = ""
    exit: Exit = Exit.PASSED


@dataclass(frozen=True)
class Context:
    """What the command line says to every command, and how a command talks back."""

    schedules: Path
    json: bool

    @property
    def interactive(self) -> bool:
        """May questions be asked: a person sits at both ends."""
        return not self.json and sys.stdin.isatty() and sys.stderr.isatty()

    def databases(self) -> "Mapping[str, DatabaseConfig]":
        """Every database by name. Raises `ConfigError`."""
        from restoredrill import config

        return config.load(self.schedules)

    def database(self, name: str) -> "DatabaseConfig":
        """One database. Raises `ConfigError`, `UsageError`."""
        from restoredrill import config

        return config.load_one(self.schedules, name)

    def tell(self, text: "RenderableType") -> None:
        """Show something on standard output right now; with `--json` it is not shown at all."""
        if not self.json:
            output.show(text)

    def warn(self, text: str) -> None:
        """One line on standard error, also with `--json`."""
        output.complain(f"warning: {text}")

    def pass_over(self, error: RestoredrillError) -> None:
        """Warn of one thing of many that can't be read."""
        self.warn(f"passed over: {error}")

    @contextlib.contextmanager
    def progress(self) -> "Iterator[Progress]":
        """A line on standard error that shows what goes on; where that is no terminal, nothing."""
        if not sys.stderr.isatty():
            yield lambda message, percent, mb_per_s: None
            return
        from restoredrill.cli import progress

        with progress.line() as advance:
            yield advance


@dataclass
class _Said:
    """What stood before the command's name, and whether a command has begun."""

    schedules: Path | None = None
    json: bool = False
    started: bool = False


# Commands ---------------------------------------------------------------------------------------------------


def command(function: Callable[..., Answer]) -> click.Command:
    """Make a command of a function; see this module's own documentation."""

    def call(schedules: Path | None, as_json: bool, **options: Any) -> Answer:
        said: _Said = click.get_current_context().obj
        said.started = True
        context = Context(schedules or said.schedules or Path(_SCHEDULES), as_json or said.json)
        return function(context, **options)

    own = reversed(getattr(function, "__click_params__", []))
    name = function.__module__.rpartition(".")[2]
    return click.Command(name, callback=call, params=[*own, *_shared()], help=function.__doc__, **_HELP)


def group(table: Mapping[str, str], package: str, words: str, *, otherwise: str = "") -> click.Group:
    """A command that consists of others: `table` and `package` as for `run`, `words` what it is for;
    `otherwise` names the one that is meant where none is named.
    """

    def remember(schedules: Path | None, as_json: bool) -> None:
        said: _Said = click.get_current_context().obj
        said.schedules, said.json = schedules or said.schedules, as_json or said.json

    name = package.rpartition(".")[2]
    more = {"callback": remember, "params": _shared(), "help": words, **_HELP}
    return _Commands(table, package, otherwise, name=name, **more)


_HELP: dict[str, Any] = {"context_settings": {"help_option_names": ["-h", "--help"]}}


def _shared() -> list[click.Parameter]:
    """The options of every command, and of none."""
    where = f"Directory with one YAML file a database (default: {_SCHEDULES}/)."
    only = "Print one JSON document on standard output and nothing else there."
    return [
        click.Option(["--schedules"], type=click.Path(path_type=Path), metavar="DIR", help=where),
        click.Option(["--json", "as_json"], is_flag=True, help=only),
    ]


class _Commands(click.Group):
    """Imports a command's module when that command is used."""

    def __init__(self, table: Mapping[str, str], package: str, otherwise: str = "", **settings: Any) -> None:
        super().__init__(**settings)
        self._table = table
        self._package = package
        self._otherwise = otherwise

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self._table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self._table:
            return None
        found = importlib.import_module(f"{self._package}.{cmd_name}").command
        assert isinstance(found, click.Command)
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in self._table and self._otherwise:
            args = [self._otherwise, *args]
        if args[0] not in self._table:
            near = get_close_matches(args[0], self._table, n=1)
            hint = f"did you mean {near[0]}?" if near else f"`{ctx.command_path} --help` lists them"
            raise UsageError("run", args[0], "no such command", hint=hint)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, words) for name, words in self._table.items() if words])


def _group(table: Mapping[str, str], package: str) -> _Commands:
    def remember(schedules: Path | None, as_json: bool) -> None:
        said: _Said = click.get_current_context().obj
        said.schedules, said.json = schedules, as_json

    def tell_version(context: click.Context, _option: click.Parameter, wanted: bool) -> None:
        if wanted:
            click.echo(f"{PROGRAM} {__version__}")
            context.exit()

    version = click.Option(
        ["--version"],
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=tell_version,
        help="Print it.",
    )
    return _Commands(
        table,
        package,
        name=PROGRAM,
        callback=remember,
        params=[*_shared(), version],
        help="Backups you have seen restore.",
        epilog=_EXITS,
        **_HELP,
    )


_EXITS = (
    "Exit status: 0 passed or done, 1 failed, 2 usage or configuration, 3 inconclusive, "
    "4 something was left running, 130 interrupted."
)


# Running one ------------------------------------------------------------------------------------------------


def run(table: Mapping[str, str], package: str, argv: Sequence[str]) -> int:
    """Run the command that `argv` names, show how it ended, and return the exit status. Raises nothing.

    `table`: each command's name and what the help says of it (nothing: it is hidden); `package`: where its
    module is.
    """
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, ValueError):  # a stand-in for a stream has no such thing
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    as_json = "--json" in (argv[: argv.index("--")] if "--" in argv else argv)
    said = _Said()
    try:
        with _interruptible():
            answer = _invoke(_group(table, package), argv, said)
            if answer is None:
                return Exit.PASSED
            output.show(output.to_json(answer.document) if as_json else answer.text)
            return answer.exit
    except BrokenPipeError as error:
        if not said.started:  # `restoredrill --help | head`
            output.close()
            return Exit.PASSED
        return _end(error, as_json)
    except BaseException as error:
        return _end(error, as_json)


def _invoke(group: click.Group, argv: Sequence[str], said: _Said) -> Answer | None:
    """The command's answer; None if click itself answered (`--help`, `--version`).

    Not `group.main`: that takes any broken pipe for one of its own, also that of a connection to a database.
    """
    try:
        with group.make_context(PROGRAM, list(argv), obj=said) as context:
            answer = group.invoke(context)
    except click.exceptions.NoArgsIsHelpError as error:
        output.complain(error.format_message())
        raise UsageError("run", error.ctx.command_path, "no command given") from None
    except click.exceptions.Exit:
        return None
    except click.Abort:  # Ctrl-C or the end of input at a question
        raise KeyboardInterrupt from None
    except click.ClickException as error:
        raise _usage(error) from None
    assert isinstance(answer, Answer)
    return answer


def _usage(error: click.ClickException) -> UsageError:
    context = error.ctx if isinstance(error, click.UsageError) else None
    path = context.command_path if context else PROGRAM
    reason = error.format_message().rstrip(".")
    return UsageError("run", path, reason[:1].lower() + reason[1:], hint=f"see `{path} --help`")


def _end(error: BaseException, as_json: bool) -> int:
    """Show what went wrong; the exit status."""
    match error:
        case RestoredrillError():
            known = error
        case KeyboardInterrupt():
            known = Interrupted("run", PROGRAM, "interrupted; what was under way has been cleaned up")
        case _:
            known = _unexpected(error)
    if _debugging():
        output.complain("".join(traceback.format_exception(error)))
    if as_json:
        with contextlib.suppress(RestoredrillError):
            output.show(output.to_json({"error": output.describe(known)}))
    for line in output.explain(known):
        output.complain(line)
    return known.exit_code


def _unexpected(error: BaseException) -> RestoredrillError:
    from restoredrill import clock, config

    text = secret.redact("".join(traceback.format_exception(error)))
    note = config.note_crash(text, f"{clock.utcnow():%Y%m%dT%H%M%SZ}")
    said = " ".join(str(error).split())
    reason = f"unexpected {type(error).__name__}" + (f": {said[:300]}" if said else "")
    return RestoredrillError("run", PROGRAM, reason, hint=f"the traceback is in {note}" if note else "")


def _debugging() -> bool:
    from restoredrill import config

    return config.debugging()


# Signals ----------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """SIGTERM and a closed terminal end a command as Ctrl-C does: by an exception, so that everything is
    cleaned up.

    A signal that whoever started us wants ignored (`nohup`, `&` in a script) stays so.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handler = _Patience()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    heard = [number for number, action in before.items() if action is not signal.SIG_IGN]
    try:
        for number in heard:
            signal.signal(number, handler)
        yield
    finally:
        for number in heard:
            signal.signal(number, before[number])


class _Patience:
    """The first signal interrupts; the next is told that cleaning up goes on; a third interrupts that."""

    def __init__(self) -> None:
        self._heard = 0

    def __call__(self, number: int, frame: FrameType | None) -> None:
        self._heard += 1
        if self._heard != 2:
            raise KeyboardInterrupt
        with contextlib.suppress(OSError):  # not print: it may be what was interrupted
            os.write(2, b"restoredrill: still cleaning up; once more to leave that undone\n")
