"""AssumeRole: moto fails on a role that trusts a service, and lets everybody take the others."""

from dataclasses import dataclass
from typing import Any

from moto.iam.models import iam_backends
from moto.sts.models import sts_backends
from werkzeug.wrappers import Response

from tests.cloud import denials, wire
from tests.cloud.call import Call
from tests.cloud.judge import Judge
from tests.cloud.launch import ACCOUNT
from tests.cloud.need import Need
from tests.cloud.wire import Refused


@dataclass
class Roles:
    """The handler, and whom it asks."""

    judge: Judge

    def assume(self, call: Call) -> Response:
        arn, who = str(call.params["RoleArn"]), self.judge.who(call)
        role = next((one for one in iam_backends[ACCOUNT]["aws"].roles.values() if one.arn == arn), None)
        known = {"sts:ExternalId": call.params.get("ExternalId"), "sts:RoleSessionName": _session(call)}
        known = {name: value for name, value in known.items() if value is not None}
        need = Need("sts:AssumeRole", arn, known)
        if role is None or not self.judge.trusts(call, who, need, role.assume_role_policy_document):
            raise denials.denied(call, who.arn, need)
        lasts_s = int(call.params.get("DurationSeconds", 3600))
        if lasts_s > int(role.max_session_duration or 3600):
            said = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
            raise Refused("ValidationError", said)
        made: Any = sts_backends[ACCOUNT]["aws"].assume_role(
            call.region,
            role_session_name=_session(call),
            role_arn=arn,
            policy=call.params.get("Policy") or "",
            duration=lasts_s,
            external_id="",
        )
        credentials = {
            "AccessKeyId": made.access_key_id,
            "SecretAccessKey": made.secret_access_key,
            "SessionToken": made.session_token,
            "Expiration": made.expiration,
        }
        user = {"AssumedRoleId": made.user_id, "Arn": made.arn}
        return wire.answer("sts", "AssumeRole", {"Credentials": credentials, "AssumedRoleUser": user})


def _session(call: Call) -> str:
    return str(call.params["RoleSessionName"])
