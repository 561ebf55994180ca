"""What a file may say of the database it protects: where to reach it, or where its dumps are already."""

from pydantic import Field, model_validator

from restoredrill.model import DumpsSpec, VaultSpec
from restoredrill.sections import Section
from restoredrill.values import (
    DatabaseUrl,
    Duration,
    Endpoint,
    Flag,
    Reference,
    TimeZone,
    VaultUrl,
    Words,
)

# Means nothing where dumps are taken by somebody else, and nothing where they are not.
_OF_A_DATABASE = frozenset({"url", "lock_timeout_s", "connect_timeout_s"})


class Credentials(Section):
    """Who one is towards the store. Nothing given: what the machine itself is (an instance role, say)."""

    profile: Words | None = None
    role_arn: Words | None = None
    access_key_id: Reference | None = None
    secret_access_key: Reference | None = None

    @model_validator(mode="after")
    def _go_together(self) -> "Credentials":
        if (self.access_key_id is None) != (self.secret_access_key is None):
            raise ValueError("access_key_id and secret_access_key go together")
        if self.profile is not None and self.access_key_id is not None:
            raise ValueError("profile and access_key_id exclude each other")
        return self


class SourceSettings(Credentials):
    """The database to back up (`url`, a reference or a URL whose password is one), or where dumps of it lie
    that somebody else takes (`dumps`, a bucket or a folder that is only read).

    Without a word about who reads the dumps it is whoever restores from the vault.
    """

    url: DatabaseUrl | None = None
    lock_timeout_s: Duration = Field(30.0, alias="lock_timeout", json_schema_extra={"default": "30s"})
    connect_timeout_s: Duration = Field(10.0, alias="connect_timeout", json_schema_extra={"default": "10s"})
    dumps: VaultUrl | None = None
    match: Words | None = None
    database: Words | None = None
    timezone: TimeZone = "UTC"
    compare_with: DatabaseUrl | None = None
    endpoint_url: Endpoint | None = None
    region: Words | None = None
    path_style: Flag | None = None

    @model_validator(mode="after")
    def _is_one_of_two(self) -> "SourceSettings":
        if self.url is None and self.dumps is None:
            raise ValueError("needs url, a database to back up, or dumps, where its dumps are")
        if self.url is not None and self.dumps is not None:
            raise ValueError("url and dumps exclude each other: backups are taken here or somewhere else")
        given = self.model_fields_set - {"url", "dumps"}
        wrong = given & _OF_A_DATABASE if self.dumps is not None else given - _OF_A_DATABASE
        if wrong:
            name = sorted(wrong)[0].removesuffix("_s")
            raise ValueError(f"{name} means nothing beside {'dumps' if self.dumps is not None else 'url'}")
        return self

    @model_validator(mode="after")
    def _fits_its_kind(self) -> "SourceSettings":
        of_s3 = ("endpoint_url", "region", "path_style", *Credentials.model_fields)
        given = [name for name in of_s3 if getattr(self, name) is not None]
        if self.dumps is not None and self.dumps.startswith("file://") and given:
            raise ValueError(f"{given[0]} means nothing for a folder")
        return self

    def dumps_spec(self, restoring: VaultSpec, name: str) -> DumpsSpec | None:
        """Where the dumps are and how to read them; None: they are taken here. `restoring` is the vault with
        the credentials that restore, `name` the database's.
        """
        if self.dumps is None:
            return None
        own = {
            field: getattr(self, field)
            for field in ("endpoint_url", "region", "path_style", *Credentials.model_fields)
        }
        if not any(value is not None for value in own.values()) and self.dumps.startswith("s3://"):
            own = {field: getattr(restoring, field) for field in own}
        return DumpsSpec(
            place=VaultSpec(url=self.dumps, **own),
            name=name,
            match=self.match,
            database=self.database,
            timezone=self.timezone,
            compare_live=self.compare_with is not None,
        )


def lies_within(url: str, other: str) -> bool:
    """Is the place `url` the place `other`, or below it?"""
    return f"{url.rstrip('/')}/".startswith(f"{other.rstrip('/')}/")
