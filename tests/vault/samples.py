"""Documents to put into a vault."""

from datetime import UTC, datetime, timedelta

from restoredrill.model import (
    BackupFacts,
    Event,
    Fingerprint,
    FingerprintLevel,
    Job,
    MachineFacts,
    Manifest,
    Report,
    ServerFacts,
    StoredFile,
    VaultSpec,
    Verdict,
    make_id,
)

NOON = datetime(2026, 9, 23, 12, tzinfo=UTC)


def an_id(hours: float = 0, suffix: str = "7f3a") -> str:
    """An id of that many hours after noon."""
    return make_id(NOON + timedelta(hours=hours), suffix)


def a_manifest(
    backup: str,
    files: tuple[StoredFile, ...] = (),
    *,
    taken_at: datetime = NOON,
    recipients: tuple[str, ...] = (),
    database: str = "shop",
) -> Manifest:
    """A manifest with as little in it as the model allows."""
    return Manifest(
        id=backup,
        database=database,
        started_at=taken_at,
        taken_at=taken_at,
        finished_at=taken_at,
        server=ServerFacts(
            version="17.10",
            version_num=170010,
            database=database,
            encoding="UTF8",
            collate="C",
            ctype="C",
            size_bytes=1,
        ),
        client_version="17.10",
        files=files,
        recipients=recipients,
        fingerprint=Fingerprint(level=FingerprintLevel.NONE, algorithm="none"),
        made_by="restoredrill 0",
    )


def a_job(drill: str, backup: str, *, expires_at: datetime = NOON + timedelta(hours=1)) -> Job:
    """A job that drills `backup`."""
    return Job(
        drill=drill,
        database="shop",
        backup=backup,
        vault=VaultSpec(url="s3://bucket/shop"),
        provider="local",
        jobs=2,
        started_at=NOON,
        deadline_at=expires_at,
        expires_at=expires_at,
    )


def a_report(drill: str, backup: str | None, verdict: Verdict = Verdict.PASSED) -> Report:
    """What a drill of `backup` found."""
    facts = backup and BackupFacts(id=backup, taken_at=NOON, age_s=1, bytes=1, server_version="17.10")
    return Report(
        drill=drill,
        database="shop",
        verdict=verdict,
        backup=facts or None,
        machine=MachineFacts(provider="local", id="m"),
        started_at=NOON,
        finished_at=NOON,
    )


def an_event(phase: str) -> Event:
    """One line of a story."""
    return Event(at=NOON, phase=phase, kind="note")
