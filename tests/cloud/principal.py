"""Who calls: from an access key to a user or a role's session, with secret and policies. moto keeps them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from moto.iam.models import iam_backends
from moto.sts.models import sts_backends

from tests.cloud.launch import ACCOUNT

ADMINISTRATOR = ("AKIAADMINISTRATOR000", "administrators-secret")


@dataclass(frozen=True)
class Principal:
    """Somebody. `policies` None: the administrator, who may everything."""

    arn: str  # of the user, or of the session
    secret: str
    policies: tuple[str, ...] | None
    limits: tuple[tuple[str, ...], ...] = ()  # a boundary, a session's own policy: what they lack is denied
    principal: str = ""  # what policies call it: the user's or the role's ARN
    token: str | None = None
    expires_at: datetime | None = None
    session: str = ""  # for a machine: the instance's id
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        if self.policies is None:
            return "Root"
        return "AssumedRole" if ":assumed-role/" in self.arn else "User"


def find(access_key: str) -> Principal | None:
    """Whose key it is; None: nobody's."""
    if access_key == ADMINISTRATOR[0]:
        root = f"arn:aws:iam::{ACCOUNT}:root"
        return Principal(root, ADMINISTRATOR[1], None, principal=root)
    iam = iam_backends[ACCOUNT]["aws"]
    for user in iam.users.values():
        for key in user.access_keys:
            if key.access_key_id == access_key and key.status == "Active":
                policies = (*_own(user), *_of_groups(iam, user))
                arn = str(user.arn)
                return Principal(arn, key.secret_access_key, policies, principal=arn, tags=_tags(user))
    return _session(iam, access_key)


def _session(iam: Any, access_key: str) -> Principal | None:
    for made in sts_backends[ACCOUNT]["aws"].assumed_roles:
        if made.access_key_id != access_key:
            continue
        role = next((one for one in iam.roles.values() if one.arn == made.role_arn), None)
        policies = tuple(_own(role)) if role else ()
        limits = [(str(made.policy),)] if made.policy else []
        boundary = getattr(role, "permissions_boundary_arn", None)
        if boundary:
            limits.append((_document(iam.managed_policies[boundary]),))
        return Principal(
            arn=f"arn:aws:sts::{ACCOUNT}:assumed-role/{made.role_arn.rsplit('/', 1)[-1]}/{made.session_name}",
            secret=made.secret_access_key,
            policies=policies,
            limits=tuple(limits),
            principal=made.role_arn,
            token=made.session_token,
            expires_at=made.expiration.replace(tzinfo=UTC),
            session=made.session_name,
            tags=_tags(role) if role else {},
        )
    return None


def _own(holder: Any) -> Iterator[str]:
    yield from (str(policy) for policy in holder.policies.values())
    yield from (_document(policy) for policy in holder.managed_policies.values())


def _of_groups(iam: Any, user: Any) -> Iterator[str]:
    for group in iam.get_groups_for_user(user.name):
        yield from _own(group)


def _document(policy: Any) -> str:
    document: str = policy.document
    return document


def _tags(holder: Any) -> dict[str, str]:
    tags = getattr(holder, "tags", None)
    if isinstance(tags, dict):
        return {tag["Key"]: tag["Value"] for tag in tags.values()}
    return {}
