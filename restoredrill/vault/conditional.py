"""Does a store keep the one promise that makes two backups at once safe?"""

import contextlib
import secrets

from restoredrill.errors import VaultConflict, VaultDenied, VaultError, VaultHeld
from restoredrill.protocols import Store
from restoredrill.vault.layout import SCRATCH


def honours_conditional_writes(store: Store) -> bool:
    """Writes a scratch object twice, the second time only if there is none, and sees whether that is refused.

    Some stores that imitate S3 take If-None-Match and overwrite all the same. Raises `VaultError`.
    """
    key = f"{SCRATCH}conditional-{secrets.token_hex(8)}"
    store.put_once(key, b"first")
    try:
        store.put_once(key, b"second")
    except VaultConflict:
        return True
    else:
        return False
    finally:
        # Whoever only writes backups may not delete, and need not: a prune clears what is left here.
        with contextlib.suppress(VaultDenied, VaultHeld):
            store.delete([key])


def require_conditional_writes(store: Store, url: str) -> None:
    """Raises `VaultError` if two backups at once could overwrite one another's manifest in this store."""
    if not honours_conditional_writes(store):
        hint = "use a store that honours If-None-Match (AWS, R2, Scaleway, SeaweedFS …), or a folder"
        raise VaultError("use", url, "it overwrites what a conditional write must not touch", hint=hint)
