"""IAM, with conditions: moto leaves them out, so every call is judged here, by a library's evaluator.

That the connection is TLS is taken as given (`secure`); the rest is what the policies say. Whoever has the
administrator's key may everything.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from ministack.core.iam_evaluator import EvalContext, evaluate, evaluate_resource_policy
from werkzeug.wrappers import Response

from tests.cloud.call import Call
from tests.cloud.gate import Handler
from tests.cloud.principal import Principal, principal
from tests.cloud.wants import Want, exists, wants
from tests.cloud.wire import Refused

_DENIED = {"ec2": ("UnauthorizedOperation", 403), "s3": ("AccessDenied", 403), "sts": ("AccessDenied", 403)}


@dataclass
class Judge:
    """Says who calls. Raises `Refused` where that one may not."""

    account: str
    administrator: str  # its access key
    secure: bool = True
    bucket_policies: dict[str, str] = field(default_factory=dict)

    def __call__(self, call: Call) -> str:
        if call.access_key == self.administrator:
            return call.access_key
        if call.access_key is None:
            raise Refused("AccessDenied", "Access Denied", 403)
        who = principal(call, self.account)
        for want in wants(call):
            if not self._may(who, call, want) and exists(call, want):
                raise _denied(call, who, want)
        return who.arn

    def sees_all(self, call: Call) -> bool:
        """May the caller know that an object does not exist? Whoever may not list the bucket is told 403."""
        if call.access_key == self.administrator:
            return True
        who = principal(call, self.account)
        return self._may(who, call, Want("s3:ListBucket", f"arn:aws:s3:::{call.bucket}"))

    def hide(self, call: Call, response: Response) -> Response:
        """An answer about an object, as S3 gives it to this caller."""
        if response.status_code == 404 and not self.sees_all(call):
            raise Refused("AccessDenied", "Access Denied", 403)
        return response

    def _may(self, who: Principal, call: Call, want: Want) -> bool:
        context = EvalContext(
            principal_arn=who.arn,
            principal_type=who.kind,
            principal_account=self.account,
            action=want.action,
            resource_arn=want.resource,
            region=call.region,
            source_ip="127.0.0.1",
            secure_transport=self.secure,
            request_tags=dict(want.tags),
            service_context={key.lower(): value for key, value in want.context.items()},
        )
        if call.service == "s3":
            verdict = evaluate_resource_policy(self.bucket_policies.get(call.bucket), context).decision
            if verdict == "Deny":
                return False
        return str(evaluate(context, list(who.policies)).decision) == "Allow"

    def handlers(self, moto: Callable[[Call], Response]) -> dict[tuple[str, str], Handler]:
        """Answers in moto's place: its bucket policies know no conditions, so they never get there."""
        hidden = {
            ("s3", name): lambda call: self.hide(call, moto(call)) for name in ("GetObject", "HeadObject")
        }
        return {
            **hidden,
            ("s3", "PutBucketPolicy"): self._keep_policy,
            ("s3", "GetBucketPolicy"): self._tell_policy,
            ("s3", "DeleteBucketPolicy"): self._drop_policy,
        }

    def _keep_policy(self, call: Call) -> Response:
        text = call.environ["wsgi.input"].read(int(call.environ.get("CONTENT_LENGTH") or 0))
        self.bucket_policies[call.bucket] = text.decode()
        return Response(status=204)

    def _tell_policy(self, call: Call) -> Response:
        if call.bucket not in self.bucket_policies:
            raise Refused("NoSuchBucketPolicy", "The bucket policy does not exist", 404)
        return Response(self.bucket_policies[call.bucket], content_type="application/json")

    def _drop_policy(self, call: Call) -> Response:
        self.bucket_policies.pop(call.bucket, None)
        return Response(status=204)


def _denied(call: Call, who: Principal, want: Want) -> Refused:
    code, status = _DENIED.get(call.service, ("AccessDeniedException", 400))
    said = f"User: {who.arn} is not authorized to perform: {want.action} on resource: {want.resource}"
    if call.service == "ec2":
        said = f"You are not authorized to perform this operation. {said}"
    return Refused(code, said, status)
