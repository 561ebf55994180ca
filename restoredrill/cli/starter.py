"""The text of a first file, with the comments that a reader of it needs."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Starter:
    """What a first file says for sure; all else in it has a default or is a comment."""

    name: str
    source_url: str
    vault_url: str
    endpoint_url: str | None = None
    encrypt_to: tuple[str, ...] = ()
    decrypt_with: str | None = None
    region: str | None = None  # the bucket's
    backup_machine: str = "local"
    drill_machine: str = "local"
    ec2: Mapping[str, Any] | None = None  # what the file says of machines.ec2


def starter_text(starter: Starter) -> str:
    """A whole file. JSON's quotes are YAML's, so any value may stand in it."""
    return _TEXT.format(
        name=starter.name,
        source_url=json.dumps(starter.source_url),
        vault_url=json.dumps(starter.vault_url),
        region=_line("region", starter.region, "eu-central-1", "the bucket's"),
        backup_machine=starter.backup_machine,
        drill_machine=starter.drill_machine,
        machines="" if starter.ec2 is None else "\n".join(["", *_machines(starter.ec2), ""]),
        endpoint=_line(
            "endpoint_url", starter.endpoint_url, "https://s3.example", "a store that is not AWS S3"
        ),
        encrypt_to=_line("encrypt_to", list(starter.encrypt_to) or None, "[age1...]", "public keys only"),
        decrypt_with=_line(
            "decrypt_with", starter.decrypt_with, "file:/path", "the private key, where drills run"
        ),
    )


def _line(key: str, value: object, example: str, why: str) -> str:
    """A line that says something, or shows how it would be said."""
    return f"# {key}: {example}  # {why}" if value is None else f"{key}: {json.dumps(value)}  # {why}"


def _machines(ec2: Mapping[str, Any]) -> Iterator[str]:
    yield "# Machines of the cloud: started for one drill, and gone after it."
    yield "machines:"
    yield "  ec2:"
    for key, value in ec2.items():
        if isinstance(value, Mapping):
            yield f"    {key}:"
            yield from (f"      {inner}: {json.dumps(said)}" for inner, said in value.items())
        else:
            yield f"    {key}: {json.dumps(value)}"
    yield "    # types: [m7i.large, m7a.large]  # these and no others; else whatever fits is considered"
    yield "    # market: spot-then-on-demand    # spot-then-on-demand | spot | on-demand"
    yield "    # budget: {per_drill: 0.50, per_month: 20}  # US dollars; what exceeds it is not started"


_TEXT = """\
# {name}: backed up, restored on a throwaway machine and checked by restoredrill.
# `restoredrill validate` checks this file, `restoredrill doctor {name}` the world around it.

source:
  # The database to back up; a role that may only read is enough. Secrets come from the environment or from a
  # file, never from here: ${{NAME}}, postgresql://app:${{PASSWORD}}@db/shop, file:/run/secrets/url.
  url: {source_url}

vault:
  # Where backups live: s3://bucket/prefix or file:///folder. Without keys here, AWS's usual places are asked.
  url: {vault_url}
  {endpoint}
  {region}
  # access_key_id: ${{BACKUP_KEY_ID}}
  # secret_access_key: ${{BACKUP_SECRET_KEY}}
  # restore_as: {{profile: reader}}  # drills should not hold credentials that can write
  # prune_as: {{profile: pruner}}    # nor backups those that can delete

backup:
  cron: "15 * * * *"  # minute, hour, day of month, month, day of week; or @hourly, @daily
  # timezone: UTC
  machine: {backup_machine}  # local | ec2, which dumps beside the source
  jobs: 2
  fingerprint: content  # content reads every row once more | rows only counts them | none
  {encrypt_to}
  keep: {{last: 3, hourly: 24, daily: 14, weekly: 8, monthly: 12}}

drill:
  cron: "0 3 * * *"
  # timezone: Europe/Berlin
  pick: latest  # latest | random | oldest-unverified | a backup's id
  machine: {drill_machine}  # local | ec2
  deadline: 2h
  # rto: 30m  # fail if it takes longer until the database is restored and checked
  # rpo: 26h  # fail if the newest row that survives is older
  jobs: 2
  {decrypt_with}
  # The restored database is always compared with what the backup saw. What else must be true of it:
  checks: []
  #  - {{name: orders are there, rows: {{table: public.orders, min: 1000}}}}
  #  - {{name: orders are fresh, freshness: {{table: public.orders, column: created_at, max_age: 26h}}}}
  #  - {{name: no negative totals, sql: "select count(*) from orders where total < 0", expect: "== 0"}}
  #  - {{name: the app starts, command: [pytest, smoke/], timeout: 5m}}  # gets DATABASE_URL
  # ignore:
  #  - {{rule: EXTENSION_VERSION, object: pg_trgm, reason: "why this is no failure"}}
{machines}"""
