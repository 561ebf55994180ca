"""A restore that stops in its middle for as long as a test wants, so that what happens to it happens there."""

import re

from tests.cloud.machine import Machine
from tests.e2e.cloud.site import LIMIT_S, Site
from tests.e2e.host import eventually

SHUT = "/var/tmp/restoredrill-shut"  # noqa: S108 - on the throwaway machine
# The row of this table is copied in once that file is gone. Where there never was one, nobody waits.
GATE = f"""
CREATE FUNCTION shop.open() RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    WHILE (pg_stat_file('{SHUT}', true)).size IS NOT NULL LOOP
        PERFORM pg_sleep(0.1);
    END LOOP;
    RETURN true;
END $$;
CREATE TABLE shop.gate (id int PRIMARY KEY CHECK (shop.open()));
INSERT INTO shop.gate VALUES (1);
"""
COPYING = r"postgres: .*\bCOPY"


def shut(machine: Machine) -> Machine:
    """From now on a restore on this machine stops in its middle. To be called before it begins."""
    machine.wait_for("powers off in", LIMIT_S)  # by then its file system is its own
    machine.path(SHUT).touch()
    return machine


def in_restore(site: Site, number: int = 1) -> Machine:
    """The so-maniest machine, in the middle of its restore, where it stays until `go_on`."""
    machine = shut(site.machine(number))
    site.await_word("restore started", number)
    eventually(lambda: copying(machine), f"a table is being copied on {machine}", LIMIT_S)
    return machine


def copying(machine: Machine) -> bool:
    """Does a server there wait in the middle of a table?"""
    return any(re.search(COPYING, one.command) for one in machine.processes())


def go_on(machine: Machine) -> None:
    """The restore goes on."""
    machine.path(SHUT).unlink(missing_ok=True)
