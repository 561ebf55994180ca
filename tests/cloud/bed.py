"""The bed: boots a real machine for each instance that is run in the emulated EC2, and tells how it ended."""

import threading
import time
from collections import deque
from pathlib import Path
from typing import Any

from moto.ec2.models.instance_types import INSTANCE_TYPES

from tests.cloud import compute
from tests.cloud.machine import Machine, Options, wait_until
from tests.cloud.world import Cloud

TICK_S = 0.1
CONSOLE_EVERY_S = 0.5
ALWAYS = 1 << 30  # looks


class Bed:
    """Machines for `cloud`. What stands here may be set before instances are run.

    One thread does everything, and lives until the end: a machine ends with the thread that started it.
    """

    def __init__(self, cloud: Cloud, tree: Path, folder: Path) -> None:
        self.cloud = cloud
        self.at_once = 6  # more than these wait, `pending`, until one is off
        self.disk = "2g"  # how much a machine may write, as tmpfs counts
        self.nvme_mb = 1024  # the local disk of types that have any
        self.rate_mb_s: float | None = None  # of a machine's link to the API
        self.source: tuple[str, int] | None = None  # a database server that machines reach at port 5432
        self.unreachable = False  # no way to the API, from the start
        self.patience_s = 8.0  # from the power button to the plug
        self.errors: list[str] = []
        self._tree, self._folder = tree, folder
        self._lock = threading.Lock()
        self._waiting: deque[str] = deque()
        self._machines: dict[str, Machine] = {}
        self._ending: dict[str, float] = {}  # told to end: when the plug is pulled
        self._told: set[str] = set()
        self._reclaims: dict[str, float] = {}
        self._consoles: dict[str, tuple[float, int]] = {}
        self._stopped = threading.Event()
        cloud.on_run(self._run)
        cloud.on_terminate(self._end)
        self._thread = threading.Thread(target=self._work, name="bed", daemon=True)
        self._thread.start()

    # What tests ask ---------------------------------------------------------------------------------------

    def machines(self) -> list[Machine]:
        """Every machine that was switched on, in that order; also those that are off again."""
        with self._lock:
            return list(self._machines.values())

    def alive(self) -> list[Machine]:
        """The machines that are on."""
        return [machine for machine in self.machines() if machine.alive]

    def machine(self, instance: str, limit_s: float = 120.0) -> Machine:
        """The machine of an instance, once it is switched on."""
        wait_until(
            lambda: instance in self._machines, limit_s, lambda: f"no machine {instance}: {self.errors}"
        )
        return self._machines[instance]

    def interrupt(self, instance: str, notice_s: float = 120.0) -> None:
        """The spot notice; the machine is taken away when it is over."""
        self.cloud.interrupt(instance, notice_s)
        with self._lock:
            self._reclaims[instance] = time.monotonic() + notice_s

    def close(self) -> None:
        """Switch everything off. Raises AssertionError where the bed itself failed."""
        self._stopped.set()
        self._thread.join()
        assert not self.errors, "\n".join(self.errors)

    # What the cloud tells ---------------------------------------------------------------------------------

    def _run(self, instance: str) -> None:
        with self._lock:
            full = len(self._waiting) + sum(it.alive for it in self._machines.values()) >= self.at_once
            self._waiting.append(instance)
        if full:
            self._hold(instance, ALWAYS)

    def _hold(self, instance: str, looks: int) -> None:
        """An instance without a machine is `pending`, however often one looks."""
        with self.cloud.gate.lock:
            self.cloud.compute.lifecycle.phases[instance].left = looks

    def _end(self, instance: str) -> None:
        with self._lock:
            self._ending.setdefault(instance, time.monotonic() + self.patience_s)

    # The thread -------------------------------------------------------------------------------------------

    def _work(self) -> None:
        try:
            while not self._stopped.wait(TICK_S):
                self._tick()
        except Exception as error:
            self.errors.append(f"the bed broke: {error!r}")
        finally:
            for machine in self.machines():
                machine.close()

    def _tick(self) -> None:
        self._start_what_waits()
        for machine in self.machines():
            if machine.id not in self._told:
                self._look_at(machine)
        self._reclaim_what_is_due()
        self._forget_what_never_started()

    def _start_what_waits(self) -> None:
        while self._waiting and len(self.alive()) < self.at_once:
            with self._lock:
                identity = self._waiting.popleft()
            if identity not in self._ending:
                self._start(identity)
                self._hold(identity, 1)

    def _start(self, identity: str) -> None:
        instance = self.cloud.instance(identity)
        reachable = not self.unreachable and has_way_to_s3(instance.region, instance.subnet)
        nvme = self.nvme_mb << 20 if has_local_disk(instance.type) else 0
        options = Options(self.disk, nvme, reachable, self.rate_mb_s, self.source)
        try:
            machine = Machine(self.cloud, instance, self._tree, self._folder / identity, options)
        except Exception as error:
            self.errors.append(f"{identity} was not started: {error!r} {getattr(error, 'stderr', '')}")
            self.cloud.terminated(identity, "Server.InternalError")
            return
        with self._lock:
            self._machines[identity] = machine

    def _look_at(self, machine: Machine) -> None:
        plug_at = self._ending.get(machine.id)
        if plug_at is not None and machine.alive:
            if time.monotonic() > plug_at:
                machine.kill()
            else:
                machine.press_power_button()
        how = machine.ended
        self._show_console(machine, at_once=how is not None)
        if how in ("failed", "reboot"):
            self.errors.append(f"no machine of the bed does this: {machine}")
        if how == "poweroff" or (how and plug_at is not None):
            self.cloud.terminated(machine.id)
        if how and (how == "poweroff" or plug_at is not None):
            self._told.add(machine.id)
            machine.close()

    def _show_console(self, machine: Machine, *, at_once: bool) -> None:
        shown_at, shown = self._consoles.get(machine.id, (0.0, 0))
        written = machine.written
        if written != shown and (at_once or time.monotonic() > shown_at + CONSOLE_EVERY_S):
            self.cloud.console(machine.id, machine.log)
            self._consoles[machine.id] = (time.monotonic(), written)

    def _reclaim_what_is_due(self) -> None:
        now = time.monotonic()
        with self._lock:
            due = [identity for identity, at in self._reclaims.items() if at <= now]
            for identity in due:
                del self._reclaims[identity]
        for identity in due:
            self.cloud.reclaim(identity)

    def _forget_what_never_started(self) -> None:
        with self._lock:
            never = [it for it in self._ending if it not in self._machines and it not in self._told]
            self._waiting = deque(it for it in self._waiting if it not in never)
            self._told.update(never)
        for identity in never:
            self.cloud.terminated(identity)


def has_way_to_s3(region: str, subnet: str) -> bool:
    """Whether the subnet's route table leads to S3: by a gateway endpoint, or by a way to everywhere."""
    ec2 = compute.backend(region)
    tables = [table for table in ec2.route_tables.values() if subnet in table._associations.values()]
    if not tables:
        vpc = ec2.get_subnet(subnet).vpc_id
        mains = [table for table in ec2.route_tables.values() if table.main_association_id]
        tables = [table for table in mains if table.vpc_id == vpc]
    ids = {table.id for table in tables}
    leads = (ids & set(it.route_table_ids or ()) for it in ec2.vpc_end_points.values() if _is_s3(it))
    routes = [route.destination_cidr_block for table in tables for route in table.routes]
    return any(leads) or "0.0.0.0/0" in routes


def has_local_disk(kind: str) -> bool:
    """Whether instances of this type come with NVMe of their own, as AWS says."""
    return bool(INSTANCE_TYPES.get(kind, {}).get("InstanceStorageSupported"))


def _is_s3(endpoint: Any) -> bool:
    return endpoint.state == "available" and str(endpoint.service_name).endswith(".s3")
