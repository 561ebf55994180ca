"""`restoredrill evidence key FILE`: a key pair to sign reports with."""

import os
from pathlib import Path

import click

from restoredrill.cli.evidence.library import signing
from restoredrill.cli.frame import Answer, Context
from restoredrill.cli.frame import command as new_command
from restoredrill.errors import UsageError


@new_command
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def command(context: Context, file: Path) -> Answer:
    """Make an Ed25519 key pair: FILE, readable by its owner only, and FILE.pub for auditors."""
    made_by = signing()
    private, public = made_by.new_key()
    beside = file.with_name(f"{file.name}.pub")
    if beside.exists():
        raise UsageError("write", str(beside), "it is there already", hint="name another file")
    _write(file, private, 0o600)
    _write(beside, public, 0o644)
    keyid = made_by.Signer(private).keyid
    setting = f"evidence: {{key: file:{file.resolve()}}}"
    lines = (
        f"{file}: the private key; schedules/_service.yaml names it: `{setting}`",
        f"{beside}: the public key; give it to auditors another way than the archives",
        f"key id {keyid}",
    )
    return Answer({"private": file, "public": beside, "keyid": keyid}, "\n".join(lines))


def _write(path: Path, text: str, mode: int) -> None:
    """Never over another one: a lost key can't be had again."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError as error:
        raise UsageError("write", str(path), "it is there already", hint="name another file") from error
    except OSError as error:
        raise UsageError("write", str(path), (error.strerror or "?").lower()) from error
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)
