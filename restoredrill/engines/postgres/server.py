"""One PostgreSQL server of our own: in one directory, behind one Unix socket, gone when we say so.

Nothing of it lies outside its directory, not even shared memory: erasing the directory erases everything.
"""

import os
import pwd
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from psycopg import sql

from restoredrill import clock, process
from restoredrill.engines.postgres.connect import TARGET, login, plain
from restoredrill.engines.postgres.toolchain import Tools
from restoredrill.errors import DiskFull, RestoredrillError, ServerFailed

LOGIN = "restoredrill_throwaway"
READER = "restoredrill_reader"  # of checks that must change nothing
"""The superuser we work as on a throwaway server: a role of the source's may have any other name."""

# sockaddr_un.sun_path holds 108 bytes on Linux and 104 elsewhere, the last is NUL (unix(7)).
_SOCKET_PATH_BYTES = 107 if os.uname().sysname == "Linux" else 103
_SOCKET_PORT = 5432  # of a socket's name only; nobody listens on it
_LOG_TAIL_BYTES = 4096
_PATIENCE_S = 120.0  # for initdb and for a server that starts, on a machine that is busy

_ALWAYS = {
    "unix_socket_permissions": "0700",
    "lc_messages": "C",  # messages are classified by their text, too
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_destination": "stderr",
    "logging_collector": "off",
    # The log must not hold rows. A DETAIL or CONTEXT quotes them, and so do many an ERROR and its statement.
    "log_error_verbosity": "terse",
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_checkpoints": "off",
    "restart_after_crash": "off",  # a crash is told, not hidden
    # Files below the data directory: /dev/shm is 64 MB in a container, and keeps segments of a killed server.
    "dynamic_shared_memory_type": "mmap",
}


@dataclass(frozen=True)
class Tcp:
    """A loopback port beside the socket, where a password (scram) is asked. Not for an isolated server."""

    port: int
    password: str


class Server:
    """A server in `directory`, which is its own and stays after `stop` (the caller erases it).

    `superuser` is the role that initdb makes; `login` another one that `url` names, made at the first start:
    so a restore may do with `superuser` what it likes. `trust_socket` admits every role to whoever reaches
    the socket; otherwise it admits these two, and to our own user only: not to another server of `nobody`'s.
    """

    def __init__(
        self,
        tools: Tools,
        directory: Path,
        *,
        superuser: str = "postgres",
        login: str | None = None,
        trust_socket: bool = False,
        tcp: Tcp | None = None,
    ) -> None:
        self.tools = tools
        self.directory = directory
        self.superuser = superuser
        self.login = login or superuser
        self._trust_socket = trust_socket
        self._tcp = tcp
        self._port = tcp.port if tcp else _SOCKET_PORT
        self._child: process.Child | None = None
        self._proc: process.Proc | None = None

    @property
    def data(self) -> Path:
        """The data directory."""
        return self.directory / "data"

    @property
    def log(self) -> Path:
        """The server's own log; it holds no rows."""
        return self.directory / "server.log"

    @property
    def proc(self) -> process.Proc:
        """The postmaster. Raises `ServerFailed` if it was not started."""
        if self._proc is None:
            raise ServerFailed("find", self._name, "it is not running")
        return self._proc

    def url(self, dbname: str) -> str:
        """A URL for libpq by the Unix socket, without a password."""
        return self._url(self.login, dbname)

    def _url(self, role: str, dbname: str) -> str:
        where = f"host={quote(str(self.directory), safe='')}&port={self._port}"
        return f"postgresql://{quote(role, safe='')}@/{quote(dbname, safe='')}?{where}"

    def tcp_url(self, dbname: str) -> str:
        """A URL by the loopback port, with the password. Raises `ServerFailed` if there is no port."""
        if self._tcp is None:
            raise ServerFailed("connect", self._name, "it has no TCP port")
        login = f"{quote(self.superuser, safe='')}:{quote(self._tcp.password, safe='')}"
        return f"postgresql://{login}@127.0.0.1:{self._tcp.port}/{quote(dbname, safe='')}"

    # Making ------------------------------------------------------------------------------------------------

    def create(
        self, *, encoding: str = "UTF8", locale: str = "C", settings: Mapping[str, str] | None = None
    ) -> None:
        """Make an empty cluster with these settings. Raises `ServerFailed`, `DiskFull`, `ToolMissing`."""
        self._check_socket_path()
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.directory.chmod(0o700)
            process.give_to_server(self.directory)
            self._initdb(encoding, locale)
            self._write_files(settings or {})
        except OSError as error:
            raise _os_failed("make", self._name, error) from error

    def _check_socket_path(self) -> None:
        socket = self.directory / f".s.PGSQL.{self._port}"
        length = len(os.fsencode(socket))
        if length > _SOCKET_PATH_BYTES:
            reason = (
                f"the path of its Unix socket has {length} bytes, at most {_SOCKET_PATH_BYTES} are possible"
            )
            raise ServerFailed("make", self._name, reason, hint="choose a work directory with a shorter path")

    def _initdb(self, encoding: str, locale: str) -> None:
        argv: list[str | Path] = [self.tools.program("initdb"), "--pgdata", self.data, "--no-sync"]
        argv += [f"--username={self.superuser}", f"--encoding={encoding}", f"--locale={locale}"]
        argv += [
            "--auth=reject",
            *(["--no-data-checksums"] if self.tools.major >= 18 else []),
        ]  # 18 has them on
        secret = self.directory / "pw"
        if self._tcp:
            secret.touch(mode=0o600)
            secret.write_text(self._tcp.password + "\n")
            process.give_to_server(secret)
            argv.append(f"--pwfile={secret}")
        env = self._env()
        done = process.run(argv, extra_env=env, timeout_s=_PATIENCE_S, as_server=True, cwd=self.directory)
        secret.unlink(missing_ok=True)
        if done.code != 0:
            said = _last_lines(done.err) or _last_lines(done.out) or f"exit status {done.code}"
            raise _failed("make", self._name, said)

    def _write_files(self, settings: Mapping[str, str]) -> None:
        chosen = {
            **_ALWAYS,
            "unix_socket_directories": str(self.directory),
            "port": str(self._port),
            "listen_addresses": "127.0.0.1" if self._tcp else "",
            **settings,
        }
        lines = "".join(f"{name} = '{_quoted(value)}'\n" for name, value in chosen.items())
        with (self.data / "postgresql.conf").open("a", encoding="utf-8") as conf:
            conf.write(f"\n# restoredrill\n{lines}")
        admitted = "all all trust" if self._trust_socket else "all all peer map=owner"
        by_tcp = "host all all 127.0.0.1/32 scram-sha-256\n" if self._tcp else ""
        (self.data / "pg_hba.conf").write_text(f"local {admitted}\n{by_tcp}")
        us = pwd.getpwuid(os.geteuid()).pw_name
        lines = "".join(f'owner "{us}" "{role}"\n' for role in {self.superuser, self.login, READER})
        (self.data / "pg_ident.conf").write_text(lines, encoding="utf-8")

    # Running -----------------------------------------------------------------------------------------------

    def start(self, *, isolated: bool = False) -> None:
        """Start the server and return once it accepts connections. `isolated`: it gets no network at all.

        Raises `ServerFailed` with the last lines of its log, `DiskFull`.
        """
        try:
            with self.log.open("ab") as log:
                self._child = process.start(
                    [self.tools.program("postgres"), "-D", self.data],
                    extra_env=self._env(),
                    as_server=True,
                    isolated=isolated,
                    cwd=self.directory,
                    stdout=log,
                    stderr=log,
                )
        except OSError as error:
            raise _os_failed("start", self._name, error) from error
        self._proc = process.identify(self._child.pid)
        try:
            self._await_connections()
            self._make_login()
        except BaseException:
            self.stop()
            raise

    def _await_connections(self) -> None:
        ready: list[str | Path] = [self.tools.program("pg_isready"), "--quiet", "--timeout=5"]
        ready += [
            "--host",
            self.directory,
            f"--port={self._port}",
            "--dbname=template1",
            f"--username={self.superuser}",
        ]
        until = clock.monotonic_s() + _PATIENCE_S
        while process.run(ready, extra_env=self._env(), timeout_s=_PATIENCE_S).code != 0:
            self.check("start")
            if clock.monotonic_s() > until:
                raise _failed("start", self._name, f"no answer within {_PATIENCE_S:g} s: {self.log_tail()}")
            clock.sleep(0.02)
        self.check("start")

    def _make_login(self) -> None:
        if self.login == self.superuser:
            return
        with plain(login(self._url(self.superuser, "postgres")), TARGET) as connection:
            if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [self.login]).fetchone():
                role = sql.Identifier(self.login)
                connection.execute(sql.SQL("CREATE ROLE {} SUPERUSER LOGIN").format(role))

    def check(self, operation: str = "use") -> None:
        """Raises `ServerFailed` or `DiskFull`, with the log's last lines, if it ended by itself."""
        code = self._child.poll() if self._child else None
        if self._child is None or code is not None:
            how = "it is not running" if code is None else _ended(code)
            raise _failed(operation, self._name, f"{how}: {self.log_tail()}")

    def log_tail(self) -> str:
        """The log's last lines, joined; for an error's message."""
        try:
            with self.log.open("rb") as log:
                log.seek(max(0, self.log.stat().st_size - _LOG_TAIL_BYTES))
                return _last_lines(log.read().decode("utf-8", errors="replace")) or "its log is empty"
        except OSError:
            return "it has no log"

    def stop(self, *, immediate: bool = True) -> None:
        """End the server and every process of it. May be called at any time, twice, and after a crash.

        Also ends what another controller, since killed, has started in `directory`.
        """
        if self._proc is not None:
            process.end(self._proc, first=signal.SIGQUIT if immediate else signal.SIGINT, patience_s=10.0)
        if self._child is not None and self._child.poll() is None:
            process.kill_group(self._child)
        # Children of a killed postmaster notice its death only when they next wait for something.
        while left := process.running_below(self.directory):
            for proc in left:
                process.end(proc, first=signal.SIGKILL)
        self._child = self._proc = None

    @property
    def _name(self) -> str:
        return f"PostgreSQL {self.tools.version} in {self.directory}"

    def _env(self) -> dict[str, str]:
        home = str(self.directory)
        return {"LC_ALL": "C", "LANG": "C", "LANGUAGE": "", "TZ": "UTC", "HOME": home, "TMPDIR": home}


def _ended(code: int) -> str:
    if code < 0:
        return f"it was ended by {signal.Signals(-code).name}"
    return f"it ended with status {code}"


def _quoted(value: str) -> str:
    return value.replace("\\", "\\\\").replace("'", "''")


def _last_lines(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return "; ".join(lines[-4:])


def _os_failed(operation: str, name: str, error: OSError) -> RestoredrillError:
    return _failed(operation, name, f"{error.strerror or error}: {error.filename}")


def _failed(operation: str, name: str, said: str) -> RestoredrillError:
    low = said.lower()
    if "no space left on device" in low or "disk quota exceeded" in low:
        return DiskFull(operation, name, said, hint="free some space, or choose another work directory")
    return ServerFailed(operation, name, said, hint=_hint(low))


def _hint(said: str) -> str:
    if "could not look up effective user id" in said:
        return "give the user that runs this a line in /etc/passwd"
    if "permission denied" in said:
        who = "nobody" if process.server_ids()[0] is not None else "this user"
        return f"choose a work directory that {who} can reach, all the way down from /"
    if "cannot allocate memory" in said or "out of memory" in said or "sigkill" in said:
        return "the machine has too little memory for it, or its limit is too low"
    return ""
