"""IAM, with conditions: moto leaves them out, so every call is judged here, by a library's evaluator.

What the evaluator lacks is added: policy variables, and a role's ARN (not its session's) as what conditions
and resource policies see. Whoever has the administrator's key may everything.
"""

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ministack.core.iam_evaluator import (
    EvalContext,
    combine_resource_policy,
    evaluate,
    evaluate_resource_policy,
    parse_policy_document,
)
from werkzeug.wrappers import Response

from tests.cloud import denials, permissions, permissions_ec2, principal, signature
from tests.cloud.call import Call
from tests.cloud.gate import Handler
from tests.cloud.need import Need
from tests.cloud.permissions_s3 import find_bucket, may_list, policy_of
from tests.cloud.principal import Principal
from tests.cloud.wire import Refused

_VARIABLE = re.compile(r"\$\{([^}]+)\}")


@dataclass
class Judge:
    """Says who calls. Raises `Refused` where that one may not.

    `secure`: the connection is taken for TLS, which nothing here speaks. `around` is what is known of a
    machine's surroundings, beside its own ARN (`aws:SourceVpce`).
    """

    account: str
    administrator: str  # its access key
    secure: bool = True
    around: dict[str, str] = field(default_factory=dict)

    def __call__(self, call: Call) -> str:
        who = self.who(call)
        if who.policies is None:
            return str(call.access_key)
        for need in permissions.needed(call):
            if not self.may(call, who, need) and permissions_ec2.exists(call):
                raise denials.denied(call, who.arn, need)
        return who.arn

    def who(self, call: Call) -> Principal:
        """The caller, if it is who it says."""
        if call.access_key is None:
            raise denials.anonymous(call)
        who = principal.find(call.access_key)
        if who is None or (who.policies is not None and who.token != call.token):
            raise denials.unknown(call)
        if not signature.right(call, who.secret):
            raise denials.wrong(call)
        if who.expires_at and who.expires_at <= datetime.now(UTC):
            raise denials.expired(call)
        return who

    def may(self, call: Call, who: Principal, need: Need) -> bool:
        """Whether one need is met."""
        if who.policies is None:
            return True
        context = self._context(call, who, need)
        limits = tuple(_parsed(documents, context, who) for documents in who.limits)
        verdict = evaluate(context, _parsed(who.policies, context, who), *limits)
        if need.policy is not None:
            own, required = _filled(need.policy, context, who), need.policy_required
            verdict = combine_resource_policy(verdict, context, own, self.account, required, limits)
        return str(verdict.decision) == "Allow"

    def trusts(self, call: Call, who: Principal, need: Need, trust: Any) -> bool:
        """Whether a role's trust policy lets the caller take it."""
        context = self._context(call, who, need)
        return str(evaluate_resource_policy(_filled(trust, context, who), context).decision) == "Allow"

    def _context(self, call: Call, who: Principal, need: Need) -> EvalContext:
        known = dict(need.known) | {f"aws:PrincipalTag/{key}": value for key, value in who.tags.items()}
        if who.session.startswith("i-"):
            machine = f"arn:aws:ec2:{call.region}:{self.account}:instance/{who.session}"
            known |= {"ec2:SourceInstanceARN": machine} | self.around
        if who.kind == "User":
            known["aws:username"] = who.arn.rsplit("/", 1)[-1]
        return EvalContext(
            principal_arn=who.principal,
            principal_type=who.kind,
            principal_account=self.account,
            action=need.action,
            resource_arn=need.resource,
            region=call.region,
            source_ip=str(call.environ.get("REMOTE_ADDR", "127.0.0.1")),
            secure_transport=self.secure,
            request_tags=need.request_tags,
            tag_keys=list(need.request_tags),
            service_context={key.lower(): value for key, value in known.items()},
        )

    # Answers in moto's place ------------------------------------------------------------------------------

    def handlers(self, moto: Callable[[Call], Response]) -> dict[tuple[str, str], Handler]:
        """Bucket policies, which never get to moto, and objects that are missing."""
        hidden = {
            ("s3", name): lambda call: self._hide(call, moto(call)) for name in ("GetObject", "HeadObject")
        }
        return {
            **hidden,
            ("s3", "PutBucketPolicy"): self._keep_policy,
            ("s3", "GetBucketPolicy"): self._tell_policy,
            ("s3", "DeleteBucketPolicy"): self._drop_policy,
        }

    def _hide(self, call: Call, response: Response) -> Response:
        """That an object is missing is told to whoever may list the bucket; others are denied."""
        if response.status_code == 404 and not self.may(call, self.who(call), may_list(call)):
            raise Refused("AccessDenied", "Access Denied", 403)
        return response

    def _keep_policy(self, call: Call) -> Response:
        text = call.environ["wsgi.input"].read(int(call.environ.get("CONTENT_LENGTH") or 0))
        _bucket(call).own_policy = text.decode()
        return Response(status=204)

    def _tell_policy(self, call: Call) -> Response:
        kept = policy_of(_bucket(call))
        if kept is None:
            raise Refused("NoSuchBucketPolicy", "The bucket policy does not exist", 404)
        return Response(kept, content_type="application/json")

    def _drop_policy(self, call: Call) -> Response:
        _bucket(call).own_policy = None
        return Response(status=204)


def _bucket(call: Call) -> Any:
    found = find_bucket(call.bucket)
    if found is None:
        raise Refused("NoSuchBucket", "The specified bucket does not exist", 404)
    return found


def _parsed(documents: Iterable[str], context: EvalContext, who: Principal) -> list[Any]:
    return [parse_policy_document(_filled(document, context, who)) for document in documents]


def _filled(document: Any, context: EvalContext, who: Principal) -> Any:
    """The document with its policy variables filled in; one that is not known stays, and matches nothing."""
    if not isinstance(document, str):
        return document
    known = {"aws:principalarn": who.principal, "aws:principalaccount": context.principal_account}
    known |= context.service_context

    def fill(found: re.Match[str]) -> str:
        value = known.get(found[1].lower())
        return found[0] if value is None else json.dumps(str(value))[1:-1]

    return _VARIABLE.sub(fill, document)
