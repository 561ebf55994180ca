"""The clients of one planning. To make one of EC2's takes half a second, and planning asks ten times."""

from typing import Any

from restoredrill.aws.session import ATTEMPTS, Reach, client


class Clients:
    """Clients for `reach`, each made when it is first asked for and kept."""

    def __init__(self, reach: Reach) -> None:
        self.region = reach.region
        self._reach = reach
        self._made: dict[tuple[str, str, int], Any] = {}

    def get(self, service: str, region: str | None = None, *, attempts: int = ATTEMPTS) -> Any:
        """As `aws.session.client`: call it inside `aws.errors.translated`."""
        wanted = (service, region or self.region, attempts)
        if wanted not in self._made:
            self._made[wanted] = client(service, self._reach, region, attempts=attempts)
        return self._made[wanted]
