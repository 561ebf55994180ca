"""Every error restoredrill raises on purpose.

A message is lowercase, names the thing and has no full stop; the hint says what to do next. Adapters turn
their vendors' errors into these in one place each, chained, so that nothing above an adapter knows a vendor's
name.
"""

from enum import IntEnum


class Exit(IntEnum):
    """The one table of exit codes (DESIGN section 7)."""

    PASSED = 0
    FAILED = 1
    USAGE = 2
    INCONCLUSIVE = 3
    LEFTOVERS = 4
    INTERRUPTED = 130


class RestoredrillError(Exception):
    """What was tried, on what, why it did not work, and what to do next.

    >>> str(RestoredrillError("read", "s3://b/k", "access denied", hint="grant s3:GetObject"))
    'read s3://b/k: access denied'
    """

    exit_code = Exit.INCONCLUSIVE

    def __init__(self, operation: str, thing: str, reason: str, *, hint: str = "") -> None:
        super().__init__(operation, thing, reason)
        self.operation = operation
        self.thing = thing
        self.reason = reason
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.operation} {self.thing}: {self.reason}"


class UsageError(RestoredrillError):
    """The command line asks for something that does not exist or does not go together."""

    exit_code = Exit.USAGE


class ConfigError(RestoredrillError):
    """The files in `schedules/` can't be used; `problems` holds every problem found, one line each, with
    file and line.
    """

    exit_code = Exit.USAGE

    def __init__(self, thing: str, problems: tuple[str, ...], *, hint: str = "") -> None:
        super().__init__("read", thing, "; ".join(problems), hint=hint)
        self.problems = problems


class SecretMissing(ConfigError):
    """A reference (`${NAME}`, `file:`) leads to nothing."""


class ToolMissing(RestoredrillError):
    """No client or server program of a fitting version is on this machine."""


class Interrupted(RestoredrillError):
    """Somebody pressed Ctrl-C or sent SIGTERM; what was under way has been cleaned up."""

    exit_code = Exit.INTERRUPTED


# The vault --------------------------------------------------------------------------------------------------


class VaultError(RestoredrillError):
    """The store answered with an error that retrying did not cure."""


class VaultMissing(VaultError):
    """No such object, bucket or folder."""


class VaultDenied(VaultError):
    """The credentials in use may not do this."""


class VaultConflict(VaultError):
    """A conditional write found that the object is there already."""


class VaultHeld(VaultError):
    """The object is under retention or legal hold and can't be deleted yet."""


class VaultUnreachable(VaultError):
    """No answer from the store: network, name or endpoint."""


class VaultFull(VaultError):
    """No room left where the vault lives."""


class ObjectCorrupt(VaultError):
    """The bytes are not those that the manifest promised: the backup is bad."""

    exit_code = Exit.FAILED


class KeyMissing(RestoredrillError):
    """The backup is encrypted and no key was given."""

    exit_code = Exit.USAGE


class KeyWrong(RestoredrillError):
    """The key given is none of those the backup was encrypted to."""

    exit_code = Exit.USAGE


# The source -------------------------------------------------------------------------------------------------


class SourceUnreachable(RestoredrillError):
    """The database to back up does not answer, or refuses the login."""


class SourceDenied(RestoredrillError):
    """The role may not read something that belongs in the backup; a dump that skips rows is no backup."""

    exit_code = Exit.FAILED


class DumpFailed(RestoredrillError):
    """The dump ended with an error, was cut off or lost its snapshot; nothing was kept."""

    exit_code = Exit.FAILED


# The target -------------------------------------------------------------------------------------------------


class ArchiveCorrupt(RestoredrillError):
    """The archive's table of contents can't be read or contradicts the manifest: the backup is bad."""

    exit_code = Exit.FAILED


class ServerFailed(RestoredrillError):
    """The throwaway server did not start, or ended by itself."""


class DiskFull(RestoredrillError):
    """No room left on the machine: nothing is known about the backup."""


class DumpUnfit(ArchiveCorrupt):
    """A dump that somebody else has taken is none, or not whole; `rule` is what reports call it."""

    def __init__(self, operation: str, thing: str, reason: str, *, rule: str, hint: str = "") -> None:
        super().__init__(operation, thing, reason, hint=hint)
        self.rule = rule


class ServerTooOld(ToolMissing):
    """A dump comes from a newer PostgreSQL than any on this machine."""


class QueryFailed(RestoredrillError):
    """A statement on the restored database failed; `reason` is the server's message without data."""

    exit_code = Exit.FAILED


class QueryTimeout(QueryFailed):
    """A statement on the restored database ran into its time limit."""


class MachineFailed(RestoredrillError):
    """The machine could not be launched, was lost or went silent."""


class BootTimeout(MachineFailed):
    """A machine was started, and nothing was ever heard from it."""


class MachineSilent(MachineFailed):
    """Nothing is heard any more from a machine that spoke."""


class PhaseTimeout(MachineFailed):
    """A phase took longer than its limit."""


class MachineReclaimed(MachineFailed):
    """Its owner took the machine away, which says nothing about the work: worth another try elsewhere."""


class DeadlineOver(MachineFailed):
    """The drill's deadline passed before it was done."""


# The cloud --------------------------------------------------------------------------------------------------


class CloudError(RestoredrillError):
    """A cloud's control plane answered with an error that retrying did not cure."""


class CloudDenied(CloudError):
    """The credentials in use may not do this, or there are none."""


class CloudUnreachable(CloudError):
    """No answer from the control plane: network, name or endpoint; or it throttles without end."""


class CloudMissing(CloudError):
    """No such image, subnet, key, secret or instance."""


class CapacityMissing(MachineFailed):
    """Nothing of what the plan names can be had now: no capacity, no quota, or spot is too dear."""


class PlanUnmet(RestoredrillError):
    """No machine can be planned that would do; `problems` holds every reason, one line each. Nothing was
    started.
    """

    def __init__(self, thing: str, problems: tuple[str, ...], *, hint: str = "") -> None:
        super().__init__("plan", thing, "; ".join(problems), hint=hint)
        self.problems = problems


# The service ------------------------------------------------------------------------------------------------


class HistoryError(RestoredrillError):
    """The history database does not answer, or is of another version."""


class NotDelivered(RestoredrillError):
    """A notice, a ticket or a ping did not arrive."""


# Evidence ---------------------------------------------------------------------------------------------------


class EvidenceUnfit(RestoredrillError):
    """A key that can't sign or be held against a signature, or a file that is no evidence."""

    exit_code = Exit.USAGE
