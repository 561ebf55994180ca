"""What terraform/ hands over: `terraform output -json`, checked as a whole, as files for `schedules/`."""

import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from restoredrill import config, process
from restoredrill.cli.starter import Starter
from restoredrill.ec2_settings import Id
from restoredrill.errors import ConfigError, UsageError
from restoredrill.settings import NAME_PATTERN
from restoredrill.values import StoredSecret, VaultUrl, Words

OUTPUT = "restoredrill"
_BYTES_MAX = 4 * 1024**2
_PATIENCE_S = 120.0  # terraform may have to fetch its state from far away

_Ids = Annotated[tuple[Id, ...], Field(min_length=1)]


class _Part(BaseModel):
    """Frozen; what a later module of Terraform adds is passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore", str_strip_whitespace=True)


class HandedBackup(_Part):
    """Where machines that take backups stand: beside their sources."""

    subnets: _Ids
    security_groups: _Ids
    instance_profiles: dict[str, Words] = {}
    source_urls: dict[str, StoredSecret] = {}


class Handed(_Part):
    """The output `restoredrill` of terraform/."""

    region: Words
    regions: tuple[Words, ...] = ()
    vault_url: VaultUrl
    kms_key_id: Words | None = None
    image: Words | None = None
    subnets: _Ids
    security_groups: _Ids
    instance_profiles: Annotated[dict[str, Words], Field(min_length=1)]
    backup: HandedBackup | None = None
    launch_template: Id | None = None
    decrypt_with: dict[str, StoredSecret] = {}
    owner: Words | None = None


def fetch(where: str) -> str:
    """The text of a file, of standard input (`-`), or what Terraform says in a directory.

    Raises `UsageError`; `ToolMissing` without Terraform.
    """
    if where == "-":
        return _text(sys.stdin.buffer.read(_BYTES_MAX + 1), "standard input")
    if Path(where).is_dir():
        return _asked(where)
    try:
        with Path(where).open("rb") as file:
            return _text(file.read(_BYTES_MAX + 1), where)
    except OSError as error:
        raise UsageError("read", where, (error.strerror or "?").lower()) from error


def _text(raw: bytes, where: str) -> str:
    if len(raw) > _BYTES_MAX:
        raise UsageError("read", where, "too large for the outputs of Terraform", hint=_HINT)
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError("read", where, "is not text", hint=_HINT) from error


def _asked(directory: str) -> str:
    argv = ["terraform", f"-chdir={directory}", "output", "-json", "-no-color"]
    try:
        finished = process.run(argv, extra_env=config.own_environment(), timeout_s=_PATIENCE_S)
    except TimeoutError as error:
        raise UsageError("ask terraform in", directory, str(error)) from error
    if finished.code != 0:
        said = " ".join(finished.err.split())[:300] or f"it ended with {finished.code}"
        raise UsageError("ask terraform in", directory, said, hint="run `terraform init` there first")
    return finished.out


_NAMES = "letters and digits, with . _ - inside, 100 at most"
_HINT = "make it with `terraform output -json`"


def read(text: str, where: str) -> Handed:
    """What the text hands over. Raises `ConfigError` with every problem."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise ConfigError(where, (f"{where}: is no JSON",), hint=_HINT) from None
    value = _value(document)
    if not isinstance(value, dict):
        hint = "apply terraform/ first; its root module has the output, and so must a module that calls it"
        raise ConfigError(where, (f"{where}: has no output called {OUTPUT} that is an object",), hint=hint)
    try:
        handed = Handed.model_validate(value)
    except ValidationError as error:
        raise ConfigError(where, tuple(_shown(where, error)), hint="apply terraform/ again") from None
    problems = tuple(f"{where}: {problem}" for problem in _contradictions(handed))
    if problems:
        raise ConfigError(where, problems, hint="apply terraform/ again")
    return handed


def _value(document: Any) -> Any:
    """The object: in all outputs, in a state's, or alone, as `output -json restoredrill` says it."""
    if not isinstance(document, dict):
        return None
    outputs = document.get("outputs", document)
    found = outputs.get(OUTPUT) if isinstance(outputs, dict) else None
    if isinstance(found, dict):
        return found.get("value")
    return document if "instance_profiles" in document or "vault_url" in document else None


def _shown(where: str, error: ValidationError) -> Iterator[str]:
    """Problems with their place; a value is never repeated, as it may be a secret where it should not be."""
    for one in error.errors(include_input=False, include_url=False):
        place = ".".join(map(str, one["loc"]))
        words = "is missing" if one["type"] == "missing" else one["msg"].removeprefix("Value error, ")
        yield f"{where}: {OUTPUT}.{place}: {words[:1].lower()}{words[1:]}"


def _contradictions(handed: Handed) -> Iterator[str]:
    known = handed.instance_profiles
    for name in known:
        if not re.fullmatch(NAME_PATTERN, name) or len(name) > 100:
            yield f"{OUTPUT}.instance_profiles: {name[:40]!r} can't be a database's name: {_NAMES}"
    for name in sorted(handed.decrypt_with.keys() - known.keys()):
        yield f"{OUTPUT}.decrypt_with: {name[:40]!r} has no instance profile to read it with"
    if handed.backup is not None:
        for name in sorted(handed.backup.instance_profiles.keys() - known.keys()):
            yield f"{OUTPUT}.backup.instance_profiles: {name[:40]!r} has none to drill with"
        for name in sorted(handed.backup.source_urls.keys() - handed.backup.instance_profiles.keys()):
            yield f"{OUTPUT}.backup.source_urls: {name[:40]!r} has no instance profile to read it with"
    if not handed.vault_url.startswith("s3://"):
        yield f"{OUTPUT}.vault_url: must be a bucket, such as s3://acme-backups"


def starters(
    handed: Handed, source_url: Callable[[str], str], encrypt_to: tuple[str, ...]
) -> Mapping[str, Starter]:
    """A first file for each database; each has a folder of its own in the bucket, as its roles say."""
    return {
        name: Starter(
            name=name,
            source_url=source_url(name),
            vault_url=f"{handed.vault_url.rstrip('/')}/{name}",
            region=handed.region,
            encrypt_to=encrypt_to,
            decrypt_with=handed.decrypt_with.get(name),
            backup_machine="ec2" if _source_url(handed, name) else "local",
            drill_machine="ec2",
            ec2=_ec2(handed, name),
        )
        for name in sorted(handed.instance_profiles)
    }


def _source_url(handed: Handed, name: str) -> str | None:
    return None if handed.backup is None else handed.backup.source_urls.get(name)


def _ec2(handed: Handed, name: str) -> dict[str, Any]:
    """`machines.ec2` of a file; what has a default and was not given is left out."""
    regions = [region for region in handed.regions if region != handed.region]
    said = {
        "region": handed.region,
        "regions": regions or None,
        "image": handed.image,
        "subnets": list(handed.subnets),
        "security_groups": list(handed.security_groups),
        "instance_profile": handed.instance_profiles[name],
        "launch_template": handed.launch_template,
        "kms_key_id": handed.kms_key_id,
        "owner": handed.owner,
        "backup": _backup(handed, name),
    }
    return {key: value for key, value in said.items() if value is not None}


def _backup(handed: Handed, name: str) -> dict[str, Any] | None:
    backup = handed.backup
    if backup is None or name not in backup.instance_profiles:
        return None
    said = {
        "subnets": list(backup.subnets),
        "security_groups": list(backup.security_groups),
        "instance_profile": backup.instance_profiles[name],
        "source_url": backup.source_urls.get(name),
    }
    return {key: value for key, value in said.items() if value is not None}
