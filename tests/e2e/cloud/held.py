"""A restore that stops in its middle for as long as a test wants: what happens to it then happens there."""

from tests.cloud.machine import Machine
from tests.e2e.cloud.site import Site
from tests.e2e.host import eventually

PATIENCE_S = 120.0
SHUT = "/var/tmp/restoredrill-shut"  # on the throwaway machine, as is the next one
WAITS = "/var/tmp/restoredrill-waits"
# The row of this table is copied in once the first file is gone; meanwhile there is the second one. Where
# there never was the first, nobody waits.
GATE = f"""
CREATE FUNCTION shop.open() RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    WHILE (pg_stat_file('{SHUT}', true)).size IS NOT NULL LOOP
        COPY (SELECT 1) TO '{WAITS}';
        PERFORM pg_sleep(0.1);
    END LOOP;
    RETURN true;
END $$;
CREATE TABLE shop.gate (id int PRIMARY KEY CHECK (shop.open()));
INSERT INTO shop.gate VALUES (1);
"""


def shut(machine: Machine) -> Machine:
    """From now on a restore on this machine stops in its middle. To be called before it begins."""
    machine.wait_for("powers off in", PATIENCE_S)  # by then its file system is its own
    machine.path(SHUT).touch()
    return machine


def in_restore(site: Site, number: int = 1) -> Machine:
    """The so-maniest machine, in the middle of its restore, where it stays until `go_on`."""
    machine = shut(site.machine(number))
    eventually(lambda: waits(machine), f"a restore waits on {machine}", PATIENCE_S)
    return machine


def waits(machine: Machine) -> bool:
    """Does a restore wait there, in the middle of a table?"""
    assert machine.alive, f"it is off: {machine}"
    return machine.path(WAITS).exists()


def go_on(machine: Machine) -> None:
    """The restore goes on."""
    machine.path(SHUT).unlink(missing_ok=True)
