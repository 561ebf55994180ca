"""`restoredrill init`: a first file, commented, that is valid as it stands; and a key pair."""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import pyrage
from pydantic import TypeAdapter, ValidationError

from restoredrill import clock, config, values
from restoredrill.cli import handed as handed_over
from restoredrill.cli.frame import Answer, Context
from restoredrill.cli.frame import command as new_command
from restoredrill.cli.starter import Starter, starter_text
from restoredrill.errors import ConfigError, UsageError
from restoredrill.settings import NAME_PATTERN


@dataclass(frozen=True)
class _Key:
    """A new key pair: the public key, and the private one's file as it will stand."""

    public: str
    text: str


def _valid(kind: Any) -> Callable[[click.Context | None, click.Parameter | None, Any], Any]:
    """A click callback that accepts what the file would accept, and never repeats a value that it refuses."""
    adapter = TypeAdapter(kind)

    def check(_context: click.Context | None, _option: click.Parameter | None, value: Any) -> Any:
        try:
            return value if value is None else adapter.validate_python(value)
        except ValidationError as error:
            raise click.BadParameter(error.errors()[0]["msg"].removeprefix("Value error, ")) from None

    return check


def _check_name(
    _context: click.Context | None, _option: click.Parameter | None, value: str | None
) -> str | None:
    if value is not None and not (re.fullmatch(NAME_PATTERN, value) and len(value) <= 100):
        raise click.BadParameter("must be letters and digits, with . _ - inside")
    return value


@new_command
@click.argument("name", required=False, callback=_check_name)
@click.option(
    "--source-url", callback=_valid(values.DatabaseUrl), help="Database to back up; ${NAME} for secrets."
)
@click.option("--vault-url", callback=_valid(values.VaultUrl), help="s3://bucket/prefix or file:///folder.")
@click.option("--endpoint-url", callback=_valid(values.Endpoint), help="For a store that is not AWS S3.")
@click.option(
    "--encrypt-to", multiple=True, callback=_valid(tuple[values.Recipient, ...]), help="age public key."
)
@click.option(
    "--decrypt-with", callback=_valid(values.Reference), help="Where a drill finds the private key."
)
@click.option(
    "--new-key",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Make an age key pair, the private key in FILE.",
)
@click.option("--force", is_flag=True, help="Replace a file that is there already.")
@click.option(
    "--from-terraform",
    metavar="FILE|-|DIR",
    help="What terraform/ made, as `terraform output -json` prints it: a file for each of its databases, "
    "or for NAME only.",
)
def command(
    context: Context,
    name: str | None,
    new_key: Path | None,
    force: bool,
    from_terraform: str | None,
    **given: Any,
) -> Answer:
    """Write a first file for database NAME. Asks on a terminal for what is not given."""
    if from_terraform is not None:
        refused = {
            "--new-key": new_key,
            "--force": force,
            **_options(given, "vault_url", "endpoint_url", "decrypt_with"),
        }
        return _from_terraform(context, name, from_terraform, given, refused)
    if context.interactive:
        name, new_key, given = _ask(name, new_key, given)
    if name is None or given["vault_url"] is None:
        lacks = "NAME" if name is None else "--vault-url"
        raise UsageError(
            "run", "restoredrill init", f"{lacks} is not given", hint="on a terminal it would be asked for"
        )
    path = context.schedules / f"{name}.yaml"
    replaced = _is_replaced(path, force, context)
    key = None if new_key is None else _make_key(new_key, context.schedules)
    text = starter_text(_starter(name, new_key, key, given))
    config.parse(text, name, str(path))  # before anything is written
    if new_key is not None and key is not None:
        _write_once(new_key, key.text, 0o600)
    _write(path, text, replaced)
    return _answer(name, path, replaced, new_key, key)


def _options(given: dict[str, Any], *names: str) -> dict[str, Any]:
    return {f"--{name.replace('_', '-')}": given[name] for name in names}


def _from_terraform(
    context: Context, name: str | None, where: str, given: dict[str, Any], refused: dict[str, Any]
) -> Answer:
    """One file a database. All problems are named before anything is written; nothing is ever replaced."""
    for option, value in refused.items():
        if value:
            raise UsageError("run", "restoredrill init", f"{option} and --from-terraform exclude each other")
    handed = handed_over.read(handed_over.fetch(where), where)
    found = handed_over.starters(
        handed, lambda each: given["source_url"] or _reference(each, "DATABASE_URL"), given["encrypt_to"]
    )
    if name is not None and name not in found:
        raise UsageError("write", f"{name}.yaml", f"{where} knows {', '.join(found)} only")
    if name is None and given["source_url"] and len(found) > 1:
        raise UsageError("run", "restoredrill init", "--source-url is of one database", hint="give its NAME")
    texts = {
        context.schedules / f"{each}.yaml": starter_text(starter)
        for each, starter in found.items()
        if name in (None, each)
    }
    _require_new(texts)
    for path, text in texts.items():
        _write(path, text, replaced=False)
    lines = [f"{path} written" for path in texts]
    lines.append("next: look at each, then `restoredrill validate` and `restoredrill doctor`")
    return Answer({"files": list(texts)}, "\n".join(lines))


def _require_new(texts: Mapping[Path, str]) -> None:
    """Raises `ConfigError` for files that are there already, and for texts that would not be valid ones."""
    problems: list[str] = []
    for path, text in texts.items():
        problems += [
            f"{there}: it is there already" for there in (path, path.with_suffix(".yml")) if there.exists()
        ]
        try:
            config.parse(text, path.stem, str(path))
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(str(next(iter(texts)).parent), tuple(problems), hint="nothing was written")


def _ask(
    name: str | None, new_key: Path | None, given: dict[str, Any]
) -> tuple[str, Path | None, dict[str, Any]]:
    """What is missing, from the person at the terminal."""
    name = name or _prompt("name of the database's file", _check_name, "shop")
    assert name is not None
    asked = dict(given)
    asked["source_url"] = given["source_url"] or _prompt(
        "URL of the database, secrets as ${NAME}",
        _valid(values.DatabaseUrl),
        _reference(name, "DATABASE_URL"),
    )
    asked["vault_url"] = given["vault_url"] or _prompt(
        "where backups go, s3://bucket/prefix or file:///folder", _valid(values.VaultUrl)
    )
    if asked["vault_url"].startswith("s3://") and given["endpoint_url"] is None:
        asked["endpoint_url"] = _prompt("endpoint of the store, empty for AWS", _valid(values.Endpoint), "")
    if new_key is None and not given["encrypt_to"]:
        answer = _prompt("file for a new encryption key, empty for no encryption", None, "")
        new_key = Path(answer) if answer else None
    return name, new_key, asked


def _prompt(question: str, check: Callable[..., Any] | None, default: str | None = None) -> str | None:
    """An answer that `check` accepts; None if it is empty, which is allowed where `default` is empty."""

    def read(text: str) -> str:
        if not text.strip() and default is None:
            raise click.BadParameter("must not be empty")
        return str(check(None, None, text.strip())) if check and text.strip() else text.strip()

    shown = bool(default)
    answer = click.prompt(question, default=default, show_default=shown, value_proc=read, err=True, type=str)
    return answer or None


def _starter(name: str, new_key: Path | None, key: _Key | None, given: dict[str, Any]) -> Starter:
    recipients = (*given["encrypt_to"], *((key.public,) if key else ()))
    decrypt_with = given["decrypt_with"]
    if decrypt_with is None and recipients:
        decrypt_with = f"file:{new_key.absolute()}" if new_key else _reference(name, "AGE_KEY")
    return Starter(
        name=name,
        source_url=given["source_url"] or _reference(name, "DATABASE_URL"),
        vault_url=given["vault_url"],
        endpoint_url=given["endpoint_url"],
        encrypt_to=recipients,
        decrypt_with=decrypt_with,
    )


def _reference(name: str, what: str) -> str:
    words = re.sub(r"[^A-Z0-9]", "_", name.upper())
    return f"${{{'DB_' if words[0].isdigit() else ''}{words}_{what}}}"


def _is_replaced(path: Path, force: bool, context: Context) -> bool:
    other = path.with_suffix(".yml")
    if other.exists():
        raise UsageError("write", str(path), f"{other.name} is there already", hint="one database, one file")
    if not path.exists():
        return False
    if force or (context.interactive and click.confirm(f"{path} is there already; replace it?", err=True)):
        return True
    raise UsageError("write", str(path), "it is there already", hint="--force replaces it")


def _make_key(file: Path, schedules: Path) -> _Key:
    if file.absolute().parent.resolve().is_relative_to(schedules.absolute().resolve()):
        raise UsageError(
            "write", str(file), "a private key has no place beside the schedules", hint="keep it elsewhere"
        )
    if file.exists():
        raise UsageError("write", str(file), "it is there already, and may be the only key to older backups")
    identity = pyrage.x25519.Identity.generate()
    public = str(identity.to_public())
    return _Key(
        public, f"# created: {clock.utcnow():%Y-%m-%dT%H:%M:%SZ}\n# public key: {public}\n{identity}\n"
    )


def _write(path: Path, text: str, replaced: bool) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError("make", str(path.parent), str(error.strerror).lower()) from error
    if not replaced:
        _write_once(path, text, 0o644)
        return
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    _write_once(new, text, 0o644)
    new.replace(path)


def _write_once(path: Path, text: str, mode: int) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise UsageError("write", str(path), str(error.strerror).lower()) from error


def _answer(name: str, path: Path, replaced: bool, new_key: Path | None, key: _Key | None) -> Answer:
    lines = [f"{path} {'replaced' if replaced else 'written'}"]
    if key is not None:
        lines += [
            f"public key: {key.public}",
            f"private key: in {new_key}; keep a copy where this host's end does not end it, too",
        ]
    lines += [f"next: edit it, then `restoredrill validate` and `restoredrill doctor {name}`"]
    document = {
        "database": name,
        "file": path,
        "replaced": replaced,
        "public_key": None if key is None else key.public,
        "key_file": new_key,
    }
    return Answer(document, "\n".join(lines))
