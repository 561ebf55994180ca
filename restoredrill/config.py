"""Reads what the user wrote: the files in `schedules/`, the environment, and secrets by reference. Nothing
else does.

Every problem of every file is found before anything is said (`ConfigError.problems`). Loading needs no
secret: references are looked up by `resolve`, when they are used.
"""

import contextlib
import getpass
import os
import re
import stat
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from urllib.parse import quote

from restoredrill import secret, validating, values, yaml_lines
from restoredrill.errors import ConfigError, SecretMissing, UsageError
from restoredrill.model import CheckSpec, VaultSpec
from restoredrill.secret import Secret
from restoredrill.service_settings import FILE, ServiceSettings
from restoredrill.settings import NAME_PATTERN, DatabaseConfig, DatabaseFile

_FILE_BYTES_MAX = 256 * 1024
_SECRET_BYTES_MAX = 64 * 1024
_START = "`restoredrill init` writes a first file"

# The files --------------------------------------------------------------------------------------------------


def load(directory: Path) -> Mapping[str, DatabaseConfig]:
    """Every `*.yaml` and `*.yml` in `directory`, by name, sorted. Hidden files and `_service.yaml` are left
    alone.

    Raises `ConfigError` with all problems of all files, one line each: `schedules/shop.yaml:12: drill.cron:
    …`.
    """
    found: dict[str, DatabaseConfig] = {}
    problems: list[str] = []
    for path in _files(directory):
        try:
            if path.stem in found or _twin(path).exists():
                raise ConfigError(
                    str(path), (f"{path}: there is a {_twin(path).name} too; one database, one file",)
                )
            found[path.stem] = parse(_read(path), path.stem, str(path))
        except ConfigError as error:
            problems += error.problems
    problems += _shared_vaults(directory, found)
    if problems:
        raise ConfigError(str(directory), tuple(problems), hint=_hint(problems))
    return found


def _shared_vaults(directory: Path, databases: Mapping[str, DatabaseConfig]) -> Iterator[str]:
    """Databases in one vault would restore and prune one another's backups."""
    first: dict[tuple[str, str | None], str] = {}
    for name, database in databases.items():
        place = (database.vault.url.rstrip("/"), database.vault.endpoint_url)
        other = first.setdefault(place, name)
        if other != name:
            yield f"{directory / name}.yaml: vault.url: {other} has the same; give each its own prefix"


def load_one(directory: Path, name: str) -> DatabaseConfig:
    """One database's file; others may be broken. Raises `ConfigError`; `UsageError` if there is none."""
    names = {path.stem: path for path in _files(directory)}
    if name not in names:
        near = get_close_matches(name, names, n=1)
        there = f"there is {', '.join(names)}"
        hint = f"did you mean {near[0]}? {there}" if near else there
        raise UsageError("find", f"database {name!r}", f"no such file in {directory}", hint=hint)
    path = names[name]
    try:
        return parse(_read(path), name, str(path))
    except ConfigError as error:
        raise ConfigError(error.thing, error.problems, hint=_hint(error.problems)) from None


def service(directory: Path) -> ServiceSettings:
    """What `_service.yaml` in `directory` says of the service itself; the defaults, where there is none.

    Raises `ConfigError` with all its problems.
    """
    path = directory / FILE
    if not os.path.lexists(path):  # a link that leads nowhere is a problem and no default
        return ServiceSettings()
    try:
        return validating.validate(yaml_lines.parse(_read(path)), str(path), ServiceSettings)
    except yaml_lines.Malformed as error:
        problems = tuple(validating.malformed(error, str(path)))
    except ConfigError as error:
        problems = error.problems
    raise ConfigError(str(path), problems, hint=_hint(problems, "README has what it may hold"))


def parse(text: str, name: str, where: str) -> DatabaseConfig:
    """A file's text as a database. Raises `ConfigError`; `where` is what its problems start with."""
    problems = _name_problems(name, where)
    try:
        parsed = yaml_lines.parse(text)
        if not problems:
            file = validating.validate(parsed, where, DatabaseFile)
            return DatabaseConfig(name=name, **{key: getattr(file, key) for key in file.model_fields_set})
        validating.validate(parsed, where, DatabaseFile)
    except yaml_lines.Malformed as error:
        problems += validating.malformed(error, where)
    except ConfigError as error:
        problems += error.problems
    raise ConfigError(where, tuple(problems))


def _name_problems(name: str, where: str) -> list[str]:
    if re.fullmatch(NAME_PATTERN, name) and len(name) <= 100:
        return []
    return [f"{where}: a database is called like its file: letters, digits, and . _ - inside, 100 at most"]


def _files(directory: Path) -> tuple[Path, ...]:
    try:
        here = sorted(directory.iterdir())
    except OSError as error:
        reason = "no such directory" if isinstance(error, FileNotFoundError) else str(error.strerror).lower()
        raise ConfigError(str(directory), (f"{directory}: {reason}",), hint=_START) from error
    named = (p for p in here if p.suffix in (".yaml", ".yml") and p.name != FILE)
    files = tuple(p for p in named if not p.name.startswith("."))
    if not files:
        raise ConfigError(str(directory), (f"{directory}: holds no .yaml file",), hint=_START)
    return files


def _twin(path: Path) -> Path:
    return path.with_suffix({".yaml": ".yml", ".yml": ".yaml"}[path.suffix])


def _read(path: Path) -> str:
    try:
        if not path.is_file():
            raise ConfigError(str(path), (f"{path}: {'is no file' if path.exists() else 'leads nowhere'}",))
        with path.open("rb") as file:
            raw = file.read(_FILE_BYTES_MAX + 1)
    except OSError as error:
        raise ConfigError(str(path), (f"{path}: {str(error.strerror).lower()}",)) from error
    if len(raw) > _FILE_BYTES_MAX:
        raise ConfigError(str(path), (f"{path}: is larger than {_FILE_BYTES_MAX // 1024} KB",))
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ConfigError(str(path), (f"{path}:{line}: is not UTF-8 text",)) from None


# What is said of a problem ----------------------------------------------------------------------------------

_SCHEMA = "`restoredrill schema` prints what a file may hold"


def with_references(directory: Path, checks: Iterable[CheckSpec]) -> tuple[CheckSpec, ...]:
    """`checks` with the text of the reference files that `schema` checks name, relative to `directory`.

    Raises `ConfigError`.
    """
    return tuple(_with_reference(directory, check) for check in checks)


def _with_reference(directory: Path, check: CheckSpec) -> CheckSpec:
    if check.kind != "schema":
        return check
    path = directory / check.options["reference"]
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        problem = f"{path}: check {check.name}: {reason}"
        hint = f"`restoredrill reference NAME -o {path}` writes it"
        raise ConfigError(str(path), (problem,), hint=hint) from error
    return check.model_copy(update={"options": {**check.options, "reference": text}})


def _hint(problems: list[str] | tuple[str, ...], otherwise: str = _SCHEMA) -> str:
    if any("must not stand here" in problem or "holds a password" in problem for problem in problems):
        return "secrets are referred to: ${NAME} is an environment variable, file:/path a file's content"
    return otherwise


# Secrets and references -------------------------------------------------------------------------------------


def resolve(reference: str, where: str, environment: Mapping[str, str] | None = None) -> Secret:
    """The value of `${NAME}` (anywhere in a text) or `file:/path` (less one newline at its end).

    Within a URL the values for user and password, and those in the query, are percent-encoded here, so that a
    variable holds a password as it is. A text without reference is its own value.

    Raises `SecretMissing` naming the variable or file, and `where` it was wanted ("source.url of shop").
    """
    if secret.stored(reference) is not None:  # its own name is no secret's value
        raise SecretMissing(where, (f"{reference} is in a secret store, which is not read here",))
    path = secret.file_path(reference)
    if path is not None:
        return Secret(_content(Path(path), where))
    env = os.environ if environment is None else environment
    value = _filled(reference, where, env)
    if not secret.is_database_url(value):  # of those, only the password is one
        for name in secret.variables(reference):
            secret.remember(env[name])
    return Secret(value)


def _filled(reference: str, where: str, env: Mapping[str, str]) -> str:
    missing = [name for name in secret.variables(reference) if not env.get(name)]
    if missing:
        problems = tuple(f"environment variable {name} is not set" for name in missing)
        raise SecretMissing(where, problems, hint=f"set {', '.join(missing)} for this process")
    encoded = _encoded_spans(reference)

    def fill(match: re.Match[str]) -> str:
        value = env[match[1]]
        return quote(value, safe="") if any(a <= match.start() < b for a, b in encoded) else value

    return secret.REFERENCE.sub(fill, reference)


def unset(reference: str, environment: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """What a reference needs and this process lacks: names of variables, `file:/path`."""
    env = os.environ if environment is None else environment
    path = secret.file_path(reference)
    if path is not None:
        return () if os.access(path, os.R_OK) else (reference,)
    return tuple(name for name in secret.variables(reference) if not env.get(name))


def exposed(reference: str) -> bool:
    """Is this a `file:` reference to something that everybody on this host may reach and read?"""
    path = secret.file_path(reference)
    if path is None:
        return False
    try:
        file = Path(path).resolve()
        reached = all(folder.stat().st_mode & stat.S_IXOTH for folder in file.parents)
        return reached and bool(file.stat().st_mode & stat.S_IROTH)
    except OSError:
        return False


def locate(spec: VaultSpec, where: str, environment: Mapping[str, str] | None = None) -> VaultSpec:
    """A vault's place with its references filled in; its keys stay references. Do this before a job leaves
    this host.

    Raises `SecretMissing`, and `ConfigError` if what came out is no place for a vault.
    """
    env = os.environ if environment is None else environment
    url = _filled(spec.url, f"vault.url of {where}", env)
    endpoint = spec.endpoint_url and _filled(spec.endpoint_url, f"vault.endpoint_url of {where}", env)
    try:
        values.check_vault_url(url)
        if endpoint:
            values.check_endpoint(endpoint)
    except ValueError as error:
        raise ConfigError(f"vault of {where}", (f"its place, with variables filled in, {error}",)) from None
    return spec.model_copy(update={"url": url, "endpoint_url": endpoint})


def _content(path: Path, where: str) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(_SECRET_BYTES_MAX + 1)
        text = raw.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = str(error.strerror).lower() if isinstance(error, OSError) else "is not text"
        raise SecretMissing(
            where, (f"file {path}: {reason}",), hint="check its path and who may read it"
        ) from None
    text = text.removesuffix("\n").removesuffix("\r")
    if not text or len(raw) > _SECRET_BYTES_MAX:
        raise SecretMissing(where, (f"file {path}: {'is too large' if text else 'is empty'} for a secret",))
    return text


def _encoded_spans(url: str) -> tuple[tuple[int, int], ...]:
    """Where in a URL values must be percent-encoded: from the scheme to the last @, and the query."""
    scheme = url.find("://")
    if scheme < 0:
        return ()
    query = url.find("?") if "?" in url else len(url)
    return (scheme, url.rfind("@", scheme, query)), (query, len(url))


# The environment --------------------------------------------------------------------------------------------


def user() -> str:
    """Who asks, as the system knows them."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # no name for this number, as in many containers
        return f"user {os.getuid()}"


def state_directory() -> Path:
    """Where our own notes live (crashes, the scheduler's index): RESTOREDRILL_STATE or the usual place."""
    if given := os.environ.get("RESTOREDRILL_STATE"):
        return Path(given)
    if os.geteuid() == 0:
        return Path("/var/lib/restoredrill")
    if home := os.environ.get("XDG_STATE_HOME"):
        return Path(home) / "restoredrill"
    try:
        return Path.home() / ".local" / "state" / "restoredrill"
    except RuntimeError:  # no HOME, and no line in /etc/passwd: a container's user, say
        return Path("/var/tmp") / f"restoredrill-{os.geteuid()}-state"  # noqa: S108 - like the machines' place


def machines_directory() -> Path:
    """Where local machines live: RESTOREDRILL_MACHINES, or a short path on a real disk.

    Short, as a Unix socket's path has 107 bytes at most; and not /tmp, which may be memory. The place can be
    guessed by other users, so whoever makes it must refuse one that is not his own.
    """
    return Path(os.environ.get("RESTOREDRILL_MACHINES") or f"/var/tmp/restoredrill-{os.geteuid()}")  # noqa: S108


def postgres_directories() -> tuple[Path, ...]:
    """More directories with PostgreSQL programs: RESTOREDRILL_POSTGRES_PATH, split like PATH."""
    given = os.environ.get("RESTOREDRILL_POSTGRES_PATH", "")
    return tuple(Path(part) for part in given.split(os.pathsep) if part)


# What AWS's own tools read: whoever opens the vault may need it. PATH, HOME and the like a child has anyway.
_AWS = ("AWS_", "SSL_CERT_", "REQUESTS_CA_BUNDLE")
_PROXIES = ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy")
_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
_OURS = ("RESTOREDRILL_MACHINES", "RESTOREDRILL_POSTGRES_PATH", "RESTOREDRILL_STATE", "RESTOREDRILL_DEBUG")


def agent_environment(
    spec: VaultSpec, decrypt_with: str | None, dumps: VaultSpec | None = None
) -> dict[str, str]:
    """The variables that a vault, a place with dumps and a key need: no credential of a source is among them
    (promise 5), and none of whoever writes the backups where restoring has keys of its own (promise 6).
    """
    places = (spec,) if dumps is None else (spec, dumps)
    keys = (key for place in places for key in (place.access_key_id, place.secret_access_key))
    references = (*keys, decrypt_with)
    named = {name for reference in references if reference for name in secret.variables(reference)}
    own = all(place.access_key_id is not None or place.url.startswith("file:") for place in places)
    others = _KEYS if own and spec.access_key_id is not None else ()
    return {
        name: value
        for name, value in os.environ.items()
        if name in named or name in (*_OURS, *_PROXIES) or (name.startswith(_AWS) and name not in others)
    }


def own_environment() -> dict[str, str]:
    """All of our environment, for children that are restoredrill itself."""
    return dict(os.environ)


def debugging() -> bool:
    """Does RESTOREDRILL_DEBUG ask for tracebacks on the terminal?"""
    return os.environ.get("RESTOREDRILL_DEBUG", "") not in ("", "0")


def note_crash(text: str, stamp: str) -> Path | None:
    """Keep a traceback (readable by us only) and say where; None if there is no place for it."""
    for directory in (state_directory() / "crashes", Path(tempfile.gettempdir())):
        path = directory / f"restoredrill-crash-{stamp}-{os.getpid()}.txt"
        with contextlib.suppress(OSError):
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
            return path
    return None
