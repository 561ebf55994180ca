"""What a file in `schedules/` may say (DESIGN section 6), as frozen models; config.py reads the files.

An attribute that counts seconds is called `…_s` here; in the file it is a duration (`45m`), and called
without it.
"""

from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from restoredrill import secret
from restoredrill.check_settings import CheckEntry
from restoredrill.ec2_settings import Ec2Settings
from restoredrill.known import IgnoreSpec, Tier
from restoredrill.model import CheckSpec, FingerprintLevel, VaultSpec
from restoredrill.records import Kind
from restoredrill.sections import Section, not_empty, schema_of, something
from restoredrill.source_settings import Credentials, SourceSettings, lies_within
from restoredrill.values import (
    AbsolutePath,
    Count,
    Cron,
    Day,
    Duration,
    Endpoint,
    Flag,
    Jobs,
    NotifyUrl,
    Pick,
    Recipient,
    Reference,
    Rule,
    Share,
    TimeZone,
    VaultUrl,
    Words,
)

NAME_PATTERN = r"[A-Za-z0-9][A-Za-z0-9_.-]*"

Purpose = Literal["backup", "restore", "prune"]


class VaultSettings(Credentials):
    """Where backups live, with the credentials that write; others may restore and prune (promise 6)."""

    url: VaultUrl
    endpoint_url: Endpoint | None = None
    region: Words | None = None
    path_style: Flag | None = None
    sse_kms_key_id: Words | None = None
    storage_class: Words | None = None
    restore_as: Credentials | None = None
    prune_as: Credentials | None = None

    @model_validator(mode="after")
    def _fits_its_kind(self) -> "VaultSettings":
        for_s3 = sorted(self.model_fields_set - {"url"})
        given = [name for name in for_s3 if getattr(self, name) is not None]
        if self.url.startswith("file://") and given:
            raise ValueError(f"{given[0]} means nothing for a folder")
        return self

    def spec(self, purpose: Purpose) -> VaultSpec:
        """How to open the vault. `restore_as` and `prune_as` replace the writer's credentials whole."""
        other = {"backup": None, "restore": self.restore_as, "prune": self.prune_as}[purpose]
        who = self if other is None else other
        return VaultSpec(
            url=self.url,
            endpoint_url=self.endpoint_url,
            region=self.region,
            path_style=self.path_style,
            profile=who.profile,
            role_arn=who.role_arn,
            access_key_id=who.access_key_id,
            secret_access_key=who.secret_access_key,
            sse_kms_key_id=self.sse_kms_key_id,
            storage_class=self.storage_class,
        )


class Keep(Section):
    """How many backups to keep: the newest ones, and the newest of each of so many hours, days, and so on."""

    last: Count = 0
    hourly: Count = 0
    daily: Count = 0
    weekly: Count = 0
    monthly: Count = 0
    yearly: Count = 0

    @model_validator(mode="after")
    def _something_is_kept(self) -> "Keep":
        if not any(self.model_dump().values()):
            raise ValueError("would keep nothing; give at least one number above 0, or no `keep` to keep all")
        return self


class BackupSettings(Section):
    """When and how backups are taken. No `cron`: only by hand. No `keep`: nothing is ever pruned."""

    cron: Cron | None = None
    timezone: TimeZone = "UTC"
    machine: Literal["local", "ec2"] = "local"
    deadline_s: Duration = Field(86400.0, alias="deadline", json_schema_extra={"default": "24h"})
    jobs: Jobs = 2
    fingerprint: FingerprintLevel = FingerprintLevel.CONTENT
    encrypt_to: tuple[Recipient, ...] = ()
    keep: Keep | None = None


class IgnoreEntry(Section):
    """A finding that is known and does not fail a drill. Without a reason nobody knows later why."""

    rule: Rule
    object: Words = "*"
    reason: Words
    until: Day | None = None


def _unlike(checks: tuple[CheckEntry, ...]) -> tuple[CheckEntry, ...]:
    names = [check.name for check in checks]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"two checks are called {twice[0]!r}")
    return checks


class PhaseLimits(Section):
    """The longest each phase of a drill may take; none given: as long as the deadline allows."""

    prepare_s: Duration | None = Field(None, alias="prepare")
    restore_s: Duration | None = Field(None, alias="restore")
    verify_s: Duration | None = Field(None, alias="verify")
    checks_s: Duration | None = Field(None, alias="checks")

    @property
    def by_phase(self) -> dict[str, float]:
        """Seconds by the phase's name, of those that are limited."""
        return {name.removesuffix("_s"): s for name, s in self.model_dump().items() if s is not None}


class DrillSettings(Section):
    """When and how backups are proven. No `cron`: only by hand."""

    cron: Cron | None = None
    timezone: TimeZone = "UTC"
    pick: Pick = "latest"
    coverage_s: Duration | None = Field(None, alias="coverage")
    tier: Tier = Tier.FULL
    sample: tuple[Words, ...] = ()
    machine: Literal["local", "ec2"] = "local"
    deadline_s: Duration = Field(7200.0, alias="deadline", json_schema_extra={"default": "2h"})
    limits: PhaseLimits = Field(default_factory=lambda: PhaseLimits())
    rto_s: Duration | None = Field(None, alias="rto")
    rpo_s: Duration | None = Field(None, alias="rpo")
    jobs: Jobs = 2
    network: Literal["isolated", "open"] = "isolated"
    decrypt_with: Reference | None = None
    deep: Flag = False
    max_fall: Share = Field(0.5, json_schema_extra={"default": "50%"})
    checks: Annotated[tuple[CheckEntry, ...], AfterValidator(_unlike)] = ()
    ignore: tuple[IgnoreEntry, ...] = ()

    @model_validator(mode="after")
    def _has_a_sample(self) -> "DrillSettings":
        if self.tier is Tier.SAMPLE and not self.sample:
            raise ValueError("tier sample needs sample: the tables whose rows are restored")
        return self

    @property
    def check_specs(self) -> tuple[CheckSpec, ...]:
        """The checks as a job carries them."""
        return tuple(check.spec() for check in self.checks)

    @property
    def ignore_specs(self) -> tuple[IgnoreSpec, ...]:
        """The ignored findings as a job carries them."""
        return tuple(IgnoreSpec(**entry.model_dump()) for entry in self.ignore)


class LocalMachineSettings(Section):
    """This host as a machine. `directory`: where restored databases live, if not in the usual place."""

    directory: AbsolutePath | None = None


def _not_null(schema: dict[str, Any]) -> None:
    schema |= schema.pop("anyOf")[0]


class MachinesSettings(Section):
    """Options of each kind of machine."""

    local: LocalMachineSettings = LocalMachineSettings()
    ec2: Annotated[Ec2Settings | None, BeforeValidator(something), Field(json_schema_extra=_not_null)] = None


class NotifySettings(Section):
    """Whom to tell of which verdicts."""

    url: NotifyUrl
    on: Annotated[
        tuple[Literal["passed", "failed", "inconclusive"], ...],
        AfterValidator(not_empty),
        Field(json_schema_extra={"minItems": 1}),
    ] = ("failed", "inconclusive")


class AlarmSettings(Section):
    """How long silence may last before it is an alarm. None given: twice what the cron line promises."""

    no_backup_for_s: Duration | None = Field(None, alias="no_backup_for")
    no_pass_for_s: Duration | None = Field(None, alias="no_pass_for")


def _sections_are_not_null(schema: dict[str, Any]) -> None:
    for name in ("source", "backup", "drill"):
        option = schema["properties"][name]["anyOf"][0]
        schema["properties"][name] = option
    schema["anyOf"] = [{"required": ["backup"]}, {"required": ["drill"]}]
    schema["dependentRequired"] = {"backup": ["source"]}


class DatabaseFile(Section):
    """One file in `schedules/`."""

    model_config = ConfigDict(json_schema_extra=_sections_are_not_null)

    source: Annotated[SourceSettings | None, BeforeValidator(something)] = None
    vault: VaultSettings
    backup: Annotated[BackupSettings | None, BeforeValidator(something)] = None
    drill: Annotated[DrillSettings | None, BeforeValidator(something)] = None
    machines: MachinesSettings = MachinesSettings()
    notify: tuple[NotifySettings, ...] = ()
    alarms: AlarmSettings = AlarmSettings()

    def section(self, kind: Kind) -> BackupSettings | DrillSettings | None:
        """What it says of backups, or of drills; None: nothing, so there are none."""
        return self.drill if kind == "drill" else self.backup

    @model_validator(mode="after")
    def _makes_sense(self) -> "DatabaseFile":
        if self.backup is None and self.drill is None:
            raise ValueError("has neither backup nor drill, so there is nothing to do")
        if self.backup is not None and self.source is None:
            raise ValueError("has a backup but no source to take it of")
        if self.source is not None and self.source.dumps is not None:
            self._drills_dumps(self.source.dumps)
        sealed = self.backup is not None and self.backup.encrypt_to
        if sealed and self.drill is not None and self.drill.decrypt_with is None:
            raise ValueError("encrypts its backups, but drill.decrypt_with names no key to drill them with")
        return self

    def _drills_dumps(self, dumps: str) -> None:
        if self.backup is not None:
            raise ValueError("has a backup, but source.dumps are taken by somebody else: remove one of both")
        if lies_within(self.vault.url, dumps):
            raise ValueError("vault.url lies among source.dumps, which are only read: give it another prefix")
        if self.drill is not None and self.drill.tier is not Tier.FULL:
            raise ValueError("drill.tier is for backups that are taken here: dumps are restored whole")
        if self.drill is not None and self.drill.machine == "ec2":
            raise ValueError("drill.machine is ec2, but source.dumps are drilled on this host only so far")

    @model_validator(mode="after")
    def _fits_the_cloud(self) -> "DatabaseFile":
        ec2 = self.machines.ec2
        for name, section in (("drill", self.drill), ("backup", self.backup)):
            if section is not None and section.machine == "ec2" and ec2 is None:
                raise ValueError(f"{name}.machine is ec2, but there is no machines.ec2")
        if ec2 is not None and not self.vault.url.startswith(("s3://", "${")):
            raise ValueError("machines.ec2 needs a vault in S3: machines of the cloud can't see a folder")
        if self.backup is not None and self.backup.machine == "ec2" and ec2 is not None:
            if ec2.backup is None:
                raise ValueError("backup.machine is ec2, but there is no machines.ec2.backup to say where")
            if ec2.backup.source_url is None and (
                self.source is None or self.source.url is None or secret.stored(self.source.url) is None
            ):
                raise ValueError(
                    "backup.machine is ec2, so machines.ec2.backup.source_url must name a secret that holds "
                    "the source's URL, such as secretsmanager:shop/source"
                )
        return self


class DatabaseConfig(DatabaseFile):
    """A database to protect: its file, and its name, which is the file's stem."""

    name: Annotated[str, StringConstraints(pattern=rf"^{NAME_PATTERN}$", max_length=100)]


def json_schema() -> dict[str, Any]:
    """The shape of one file (draft 2020-12). What spans sections, only `validate` sees."""
    return schema_of(DatabaseFile, "A database that restoredrill protects")
