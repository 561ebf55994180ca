"""Delivers what is due in an outbox, and is killed by whoever receives it.

python -m tests.messages.mortal HISTORY-URL DIRECTORY NAME=VALUE...
"""

import sys
from pathlib import Path

from restoredrill import clock
from restoredrill.history.opening import open_history
from restoredrill.messages.channels import by_apprise
from restoredrill.messages.postman import Postman
from restoredrill.messages.tickets import desk
from tests.messages.samples import loaded, revealing


def main(url: str, directory: str, *values: str) -> None:
    reveal = revealing(**dict(value.split("=", 1) for value in values))
    with open_history(url) as history:
        Postman(history.outbox, reveal, print, by_apprise, desk(reveal)).deliver(
            loaded(Path(directory), "notify: [{url: '${CHAT}'}]\n"), clock.utcnow()
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
