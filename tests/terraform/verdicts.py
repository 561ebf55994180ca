"""Who may what by the policies of terraform/, as the evaluator of a library says it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ministack.core.iam_evaluator import (
    EvalContext,
    combine_resource_policy,
    evaluate,
    parse_policy_document,
)

from tests.terraform import policies
from tests.terraform.policies import EXAMPLE

ACCOUNT = str(EXAMPLE["account"])
REGION = str(EXAMPLE["region"])
BUCKET = str(EXAMPLE["bucket_arn"])

# What each role carries, as modules/roles and modules/reaper attach it: (module, policy).
ROLES: Mapping[str, tuple[tuple[str, str], ...]] = {
    "backup-writer": (("roles", "backup-writer"),),
    "backup-writer of huge files": (("roles", "backup-writer"), ("roles", "backup-sections")),
    "backup-machine": (("roles", "backup-writer"), ("roles", "backup-machine")),
    "drill-machine": (("roles", "drill-machine"),),
    "controller": (("roles", "controller"), ("roles", "controller-isolated")),
    "reaper": (("roles", "reaper"), ("reaper", "log")),
    "pruner": (("roles", "pruner"),),
}
# What holds for everybody, whatever else is granted: (module, policy).
BUCKET_POLICY = ("vault", "bucket")


@dataclass(frozen=True)
class Ask:
    """May this be done? `tags` are those of the request, `known` are other condition keys."""

    action: str
    resource: str = "*"
    tags: Mapping[str, str] = field(default_factory=dict)
    known: Mapping[str, str] = field(default_factory=dict)
    tls: bool = True

    def context(self) -> EvalContext:
        """As the evaluator wants it."""
        return EvalContext(
            principal_arn=f"arn:aws:iam::{ACCOUNT}:role/restoredrill/somebody",
            principal_type="AssumedRole",
            principal_account=ACCOUNT,
            action=self.action,
            resource_arn=self.resource,
            region=REGION,
            source_ip="10.90.0.4",
            secure_transport=self.tls,
            request_tags=dict(self.tags),
            tag_keys=list(self.tags),
            service_context={key.lower(): value for key, value in self.known.items()},
        )


@dataclass(frozen=True)
class Statement:
    """One statement of a role's policies, and where it is."""

    role: str
    policy: str
    place: int
    body: Mapping[str, Any]

    def __str__(self) -> str:
        return f"{self.policy}.{self.body.get('Sid', self.place)}"


def statements(role: str) -> tuple[Statement, ...]:
    """All of them."""
    return tuple(
        Statement(role, name, place, body)
        for module, name in ROLES[role]
        for place, body in enumerate(policies.policy(name, module)["Statement"])
    )


def allowed(role: Sequence[Statement], ask: Ask) -> bool:
    """What these statements say; an object of the vault is the bucket's own policy's matter, too."""
    context = ask.context()
    verdict = evaluate(context, [parse_policy_document({"Statement": [dict(one.body) for one in role]})])
    if ask.resource == BUCKET or ask.resource.startswith(f"{BUCKET}/"):
        verdict = combine_resource_policy(verdict, context, bucket_policy(), ACCOUNT, False, ())
    return str(verdict.decision) == "Allow"


def bucket_policy() -> dict[str, Any]:
    """The vault's own."""
    return policies.policy(BUCKET_POLICY[1], BUCKET_POLICY[0])


def grants(statement: Mapping[str, Any], ask: Ask) -> bool:
    """Whether a statement by itself allows it."""
    verdict = evaluate(ask.context(), [parse_policy_document({"Statement": [dict(statement)]})])
    return str(verdict.decision) == "Allow"


def forgetting(statement: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The statement, again and again, each time without another one of its conditions."""
    conditions: Mapping[str, Mapping[str, Any]] = statement.get("Condition", {})
    for operator, keys in conditions.items():
        for key in keys:
            left = {name: dict(of) for name, of in conditions.items()}
            del left[operator][key]
            yield f"{operator} {key}", {**statement, "Condition": {k: v for k, v in left.items() if v}}


def listed(value: str | Sequence[str]) -> tuple[str, ...]:
    """`Action` and `Resource` are a word or several."""
    return (value,) if isinstance(value, str) else tuple(value)
