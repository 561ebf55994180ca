"""Secrets that lie in AWS: Secrets Manager and the Parameter Store, read by who one is (a machine's role)."""

from restoredrill import secret
from restoredrill.aws.errors import code_of
from restoredrill.aws.patience import ATTEMPTS, Pause, ask, pause_longer
from restoredrill.aws.session import Reach, client
from restoredrill.errors import CloudDenied, CloudError, RestoredrillError
from restoredrill.secret import Secret

_ACTIONS = {"secretsmanager": "secretsmanager:GetSecretValue", "ssm": "ssm:GetParameter"}
# What KMS says through the other service when it is the key that is not usable.
_OF_THE_KEY = ("DecryptionFailure", "KMS", "InvalidKeyId", "DisabledException")


def fetch(
    reference: str, where: str, reach: Reach, *, attempts: int = ATTEMPTS, pause: Pause = pause_longer
) -> Secret:
    """The value of `secretsmanager:NAME` or `ssm:NAME`, less one newline at its end; a name may be an ARN.

    `where` is what it is wanted for ("drill.decrypt_with of shop"). Raises `CloudMissing` if there is none,
    `CloudDenied` if the role may not read it or may not use its KMS key, `CloudError` if it is binary or
    empty, `CloudUnreachable` if nobody answers.
    """
    found = secret.stored(reference)
    assert found is not None, "the caller asked secret.stored first"
    kind, name = found
    thing = f"{reference} for {where}"
    try:
        text = ask("read", thing, lambda: _READERS[kind](name, reach), attempts=attempts, pause=pause)
    except CloudDenied as error:
        raise _denied(error, kind, thing) from error
    if text is None:
        raise CloudError("read", thing, "it is binary", hint="store it as text (SecretString)")
    value = text.removesuffix("\n").removesuffix("\r")
    if not value:
        raise CloudError("read", thing, "it is empty")
    return Secret(value)


def _managed(name: str, reach: Reach) -> str | None:
    answer = client("secretsmanager", reach, attempts=1).get_secret_value(SecretId=name)
    text: str | None = answer.get("SecretString")
    return text


def _parameter(name: str, reach: Reach) -> str | None:
    answer = client("ssm", reach, attempts=1).get_parameter(Name=name, WithDecryption=True)
    text: str = answer["Parameter"]["Value"]
    return text


_READERS = {"secretsmanager": _managed, "ssm": _parameter}


def _denied(error: RestoredrillError, kind: str, thing: str) -> CloudDenied:
    """Which of the two was refused: the secret, or the key it is encrypted with."""
    code, said = code_of(error.__cause__), error.reason
    of_key = code.startswith(_OF_THE_KEY) or "kms:" in said.lower() or " kms" in said.lower()
    if of_key:
        return CloudDenied("read", thing, said, hint="grant kms:Decrypt with the secret's key to the role")
    return CloudDenied("read", thing, said, hint=f"grant {_ACTIONS[kind]} on it to the role")
