"""What a call has to be allowed: actions on resources, with what is known of each when it is judged.

After the Service Authorization Reference (docs.aws.amazon.com/service-authorization). A call may need
several: RunInstances is judged for each thing that it makes or uses, and for handing over the role.
"""

from collections.abc import Callable, Iterator
from typing import Any

from tests.cloud import permissions_ec2, permissions_s3
from tests.cloud.call import Call
from tests.cloud.launch import ACCOUNT
from tests.cloud.need import Need

# How an action is written in a policy, where the service's signing name is another word.
PREFIX = {"monitoring": "cloudwatch", "email": "ses"}


def needed(call: Call) -> list[Need]:
    """Everything that has to be allowed."""
    special = _SERVICES.get(call.service)
    if special:
        return list(special(call))
    return [Need(f"{PREFIX.get(call.service, call.service)}:{call.action}")]


def _sts(call: Call) -> Iterator[Need]:
    if call.action == "AssumeRole":
        yield Need("sts:AssumeRole", str(call.params.get("RoleArn", "*")))
    elif call.action != "GetCallerIdentity":  # that one is always allowed
        yield Need(f"sts:{call.action}")


def _iam(call: Call) -> Iterator[Need]:
    kinds = {"InstanceProfileName": "instance-profile", "RoleName": "role", "UserName": "user"}
    for name, kind in kinds.items():
        if name in call.params:
            yield Need(f"iam:{call.action}", f"arn:aws:iam::{ACCOUNT}:{kind}/{call.params[name]}")
            return
    if "PolicySourceArn" in call.params:
        yield Need(f"iam:{call.action}", str(call.params["PolicySourceArn"]))
        return
    yield Need(f"iam:{call.action}")


def _ssm(call: Call) -> Iterator[Need]:
    names = [call.params["Name"]] if "Name" in call.params else call.params.get("Names", ())
    for name in names:
        # Public parameters belong to nobody's account.
        owner = "" if str(name).startswith("/aws/") else ACCOUNT
        arn = f"arn:aws:ssm:{call.region}:{owner}:parameter/{str(name).lstrip('/')}"
        yield Need(f"ssm:{call.action}", name if str(name).startswith("arn:") else arn)
        yield from _parameter_key(call, str(name))
    if not names:
        yield Need(f"ssm:{call.action}")


def _parameter_key(call: Call, name: str) -> Iterator[Need]:
    from moto.ssm.models import ssm_backends

    if not call.params.get("WithDecryption"):
        return
    known = ssm_backends[ACCOUNT][call.region]._parameters
    for parameter in known.get(name, ()) if name in known else ():
        key = parameter.keyid or ""
        if parameter.parameter_type == "SecureString" and key and "alias/aws/" not in key:
            arn = f"arn:aws:ssm:{call.region}:{ACCOUNT}:parameter/{name.lstrip('/')}"
            yield key_need("kms:Decrypt", key, call.region, "ssm", {"PARAMETER_ARN": arn})
            return


def _secrets(call: Call) -> Iterator[Need]:
    from moto.secretsmanager.models import secretsmanager_backends

    identity = str(call.params.get("SecretId", ""))
    if not identity:
        yield Need(f"secretsmanager:{call.action}")
        return
    known = secretsmanager_backends[ACCOUNT][call.region].secrets
    found = known.get(identity) if identity in known else None
    arn = found.arn if found else identity if identity.startswith("arn:") else None
    policy = getattr(found, "policy", None)
    yield Need(
        f"secretsmanager:{call.action}",
        arn or f"arn:aws:secretsmanager:{call.region}:{ACCOUNT}:secret:{identity}",
        policy=policy,
    )
    key = getattr(found, "kms_key_id", None)
    if call.action == "GetSecretValue" and key and "alias/aws/" not in key:
        yield key_need("kms:Decrypt", key, call.region, "secretsmanager", {"SecretARN": str(arn)})


def _kms(call: Call) -> Iterator[Need]:
    identity = call.params.get("KeyId")
    if identity is None:
        yield Need(f"kms:{call.action}")
        return
    context = {str(k): str(v) for k, v in (call.params.get("EncryptionContext") or {}).items()}
    yield key_need(f"kms:{call.action}", str(identity), call.region, None, context)


def key_need(action: str, identity: str, region: str, via: str | None, context: dict[str, str]) -> Need:
    """The need for a key. The key's own policy has to allow it, too."""
    key = find_key(identity, region)
    known: dict[str, Any] = {f"kms:EncryptionContext:{name}": value for name, value in context.items()}
    known["kms:CallerAccount"] = ACCOUNT
    if context:
        known["kms:EncryptionContextKeys"] = list(context)
    if via:
        known["kms:ViaService"] = f"{via}.{region}.amazonaws.com"
    arn = identity if identity.startswith("arn:") else f"arn:aws:kms:{region}:{ACCOUNT}:key/{identity}"
    return Need(
        action,
        str(key.arn) if key else arn,
        known,
        policy=key.policy if key else None,
        policy_required=bool(key),
    )


def find_key(identity: str, region: str) -> Any:
    """moto's key by id, ARN or alias; None: there is none."""
    from moto.kms.models import kms_backends

    kms = kms_backends[ACCOUNT][region]
    name = identity.rsplit(":", 1)[-1].removeprefix("key/")
    if name.startswith("alias/"):
        name = str(kms.get_key_id_from_alias(name) or "")
    return kms.keys.get(name)


def _quotas(call: Call) -> Iterator[Need]:
    code = call.params.get("QuotaCode")
    of = f"arn:aws:servicequotas:{call.region}:{ACCOUNT}:{call.params.get('ServiceCode')}/{code}"
    yield Need(f"servicequotas:{call.action}", of if code else "*")


_SERVICES: dict[str, Callable[[Call], Iterator[Need]]] = {
    "ec2": permissions_ec2.needed,
    "s3": permissions_s3.needed,
    "sts": _sts,
    "iam": _iam,
    "ssm": _ssm,
    "secretsmanager": _secrets,
    "kms": _kms,
    "servicequotas": _quotas,
}
