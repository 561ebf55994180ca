"""The command line. One file a command; only here is anything printed or an exit status chosen."""

import sys
from typing import NoReturn

from restoredrill.cli import frame

# Name, and what `--help` says of it: no module is imported before its command is used.
COMMANDS = {
    "demo": "the whole story on embedded parts, nothing to configure",
    "init": "write a first file",
    "validate": "check all files; no network, no secrets",
    "doctor": "check the world around a database's file",
    "backup": "take a backup now",
    "backups": "list what is in the vault",
    "drill": "restore a backup on a throwaway machine and check it",
    "reference": "write down what objects a database has, for a `schema` check",
    "selftest": "break copies of a backup, and see the drill catch each",
    "report": "show past drills",
    "status": "is every database proven, and since when",
    "queue": "what waits for the service, runs and was",
    "metrics": "what Prometheus may ask, alert rules, a Grafana dashboard",
    "serve": "run backups and drills by their cron lines",
    "leases": "list what lives, with age and cost",
    "reap": "end machines that outlived their lease",
    "evidence": "one signed archive for an auditor, and the check of it",
    "history": "look after the index of past drills, backups and tasks",
    "password": "make the hash of a password for the dashboard",
    "notify": "try whether messages arrive",
    "deploy": "print a systemd unit, or a Containerfile",
    "prune": "delete backups that `keep` does not name",
    "rules": "list what a drill can find broken",
    "schema": "print the JSON Schema of a file",
    "agent": "build and publish what throwaway machines run",
}


def main() -> NoReturn:
    """The program `restoredrill`."""
    sys.exit(frame.run(COMMANDS, "restoredrill.cli", sys.argv[1:]))
