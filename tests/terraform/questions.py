"""Asking a policy: may somebody do something to something, as the request would look."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ministack.core.iam_evaluator import (
    EvalContext,
    evaluate,
    evaluate_resource_policy,
    parse_policy_document,
)

from tests.terraform import policies

ACCOUNT = "123456789012"
HERE, THERE = "eu-central-1", "eu-west-1"

# Which policies a role is given by modules/roles, with everything that can be switched on.
ROLES: Mapping[str, tuple[tuple[str, str], ...]] = {
    "backup": (("roles", "backup-writer"), ("roles", "backup-machine"), ("roles", "backup-sections")),
    "drill": (("roles", "drill-machine"),),
    "controller": (("roles", "controller"), ("roles", "controller-isolated")),
    "reaper": (("roles", "reaper"), ("reaper", "log")),
    "pruner": (("roles", "pruner"),),
}


@dataclass(frozen=True)
class Question:
    """What a request shows to IAM."""

    action: str
    resource: str = "*"
    tags: Mapping[str, str] = field(default_factory=dict)  # in the request
    context: Mapping[str, Any] = field(default_factory=dict)
    region: str = HERE
    tls: bool = True


def verdict(statements: list[Any], question: Question) -> str:
    """`Allow`, `Deny` (said so) or `ImplicitDeny` (nobody allowed it)."""
    return str(evaluate(_context(question), [statements]).decision)


def bucket_verdict(document: Mapping[str, Any], question: Question) -> str:
    """What a bucket's own policy says."""
    return str(evaluate_resource_policy(dict(document), _context(question)).decision)


def of_role(role: str) -> list[Any]:
    """All statements of a role."""
    parsed = []
    for module, name in ROLES[role]:
        parsed += parse_policy_document(policies.policy(name, module))
    return parsed


def without(statements: list[Any], sid: str) -> list[Any]:
    """The same less one statement."""
    return [one for one in statements if one.sid != sid]


def sids(role: str) -> Iterator[str]:
    """The names of a role's statements."""
    return (one.sid for one in of_role(role))


def _context(question: Question) -> EvalContext:
    return EvalContext(
        principal_arn=f"arn:aws:sts::{ACCOUNT}:assumed-role/restoredrill/session",
        principal_type="AssumedRole",
        principal_account=ACCOUNT,
        action=question.action,
        resource_arn=question.resource,
        region=question.region,
        source_ip="10.90.0.7",
        secure_transport=question.tls,
        request_tags=dict(question.tags),
        service_context={key.lower(): value for key, value in question.context.items()},
    )
