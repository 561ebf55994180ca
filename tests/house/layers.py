"""The arrows of DESIGN section 4 as a table, and what breaks them."""

from collections.abc import Iterator
from pathlib import Path

from tests.house.source import PACKAGE, imported, module_name, modules, used, within

LEAVES = ("clock", "durations", "errors", "interruptions", "secret")
VOCABULARY = (
    *LEAVES,
    "document",
    "known",
    "plan",
    "model",
    "outcome",
    "protocols",
    "records",
    "seeing",
    "ledger",
    "standing",
)
ADAPTER = (*VOCABULARY, "process", "aws")
STORY = (*VOCABULARY, "checks.change", "checks.ignoring", "checks.own", "checks.tiers", "checks.verdict")
CONFIGURATION = (
    "config",
    "settings",
    "source_settings",
    "check_settings",
    "ec2_settings",
    "service_settings",
)
EVERYTHING = ("",)
EVERY_ADAPTER = (
    "checks",
    "dumps",
    "embedded",
    "engines",
    "evidence",
    "history",
    "machines",
    "messages",
    "reports",
    "vault",
    "web",
)

# What a part of the package may import, beside itself. A name without a dot stands for all that is in it.
ARROWS: dict[str, tuple[str, ...]] = {
    # leaves: the standard library and nothing of ours
    "clock": (),
    "confine": (),
    "cron": (),
    "durations": (),
    "errors": (),
    "expect": (),
    "interruptions": (),
    "secret": (),
    "document": (),
    "known": (*LEAVES, "document"),
    "plan": (*LEAVES, "document"),
    "model": (*LEAVES, "document", "known", "plan"),
    "outcome": (*LEAVES, "document", "model"),
    "protocols": (*LEAVES, "model", "outcome"),
    # the words of the service
    "records": (*LEAVES, "document", "known", "model"),
    "standing": (*LEAVES, "model", "records"),
    "ledger": (*LEAVES, "model", "records", "standing"),
    "seeing": (*LEAVES, "model"),
    "process": VOCABULARY,
    "aws": VOCABULARY,
    # configuration: from a value and a file to frozen models
    "yaml_lines": LEAVES,
    "values": (*VOCABULARY, "cron", "expect"),
    "sections": (),
    "check_settings": (*VOCABULARY, "sections", "values"),
    "ec2_settings": (*VOCABULARY, "sections", "values"),
    "service_settings": (*VOCABULARY, "sections", "values"),
    "source_settings": (*VOCABULARY, "sections", "values"),
    "settings": (
        *VOCABULARY,
        "source_settings",
        "check_settings",
        "cron",
        "ec2_settings",
        "expect",
        "sections",
        "values",
    ),
    "validating": (*LEAVES, "yaml_lines"),
    "config": (*VOCABULARY, "service_settings", "settings", "validating", "values", "yaml_lines"),
    "advice": (*VOCABULARY, "cron", "settings", "source_settings"),
    "bundle": (*ADAPTER,),
    # adapters: neither each other nor the stories
    "checks": (*ADAPTER, "expect"),
    "dumps": ADAPTER,
    "embedded": ADAPTER,
    "engines": ADAPTER,
    "machines": ADAPTER,
    "reports": ADAPTER,
    "vault": ADAPTER,
    "history": ADAPTER,
    "evidence": (*ADAPTER, "reports"),
    "messages": (*ADAPTER, *CONFIGURATION, "configuration", "reports"),
    "deploy": (),
    "logs": (*VOCABULARY, "service_settings"),
    "web": (*ADAPTER, *CONFIGURATION, "configuration", "reports"),
    # stories: no vendor, no adapter, only what a protocol says
    "telling": STORY,
    "following": (*STORY, "telling"),
    "backup": (*STORY, "telling"),
    "drill": (*STORY, "following", "picking", "undecided"),
    "sending": (*STORY, "following"),
    "picking": STORY,
    "undecided": (*STORY, "picking"),
    "agent": (*STORY, "telling"),
    "coverage": STORY,
    "sabotage": (*STORY, "engines", "vault"),  # it breaks what these two have made
    "doctor": STORY,
    "trial": (*STORY, "doctor"),
    "configuration": (*LEAVES, *CONFIGURATION),
    "alarms": (*STORY, *CONFIGURATION, "configuration", "cron"),
    "metrics": (*STORY, *CONFIGURATION, "configuration"),
    "admission": (*STORY, *CONFIGURATION, "cron"),
    "controller": (*STORY, *CONFIGURATION, "admission", "backup", "configuration", "drill"),
    "scheduler": (*STORY, *CONFIGURATION, "controller", "cron"),
    # the edges: names to factories, and the command line
    "wiring": (*ADAPTER, *CONFIGURATION, *EVERY_ADAPTER),
    "wiring_dumps": (
        *ADAPTER,
        *CONFIGURATION,
        "agent",
        "checks",
        "dumps",
        "engines",
        "vault",
        "wiring",
    ),
    "wiring_ec2": (
        *ADAPTER,
        *CONFIGURATION,
        "checks",
        "embedded",
        "engines",
        "machines",
        "reports",
        "vault",
        "wiring",
    ),
    "demo": EVERYTHING,  # real parts end to end: it puts together what the commands do not
    "cli": EVERYTHING,
    "__main__": ("cli",),
}

# Who may use what the linter bans (pyproject.toml says why): starts of paths below restoredrill/.
OWNERS: dict[str, tuple[str, ...]] = {
    "boto3": ("aws/", "machines/ec2/", "vault/s3"),
    "botocore": ("aws/", "machines/ec2/", "vault/s3"),
    "subprocess": ("process.py",),
    "os.system": (),
    "os.popen": (),
    "psycopg": ("engines/postgres/",),
    "sqlalchemy": ("history/", "scheduler.py"),
    "apscheduler": ("scheduler.py",),
    "datetime.datetime.now": ("clock.py", "machines/ec2/onboard/"),
    "datetime.datetime.utcnow": (),
    "datetime.datetime.today": (),
    "datetime.date.today": (),
    "time.time": ("clock.py",),
    "time.monotonic": ("clock.py", "machines/ec2/onboard/"),
    "time.perf_counter": (),
    "time.sleep": ("clock.py", "machines/ec2/onboard/"),
    # process.py hands a chosen few on to children; a Lambda, and what boots a machine, have no file.
    "os.environ": ("config.py", "process.py", "machines/ec2/on_lambda.py", "machines/ec2/onboard/"),
    "os.getenv": (),
    "sys.exit": ("cli/", "__main__.py", "machines/ec2/onboard/"),
}


def crossings(root: Path) -> Iterator[str]:
    """Every import within the package that goes against the arrows, as `file:line: what`."""
    for path in modules(root):
        part = _part(module_name(root, path))
        where = path.relative_to(root)
        if part and part not in ARROWS:
            yield f"{where}: no layer for `{part}`; give it one in ARROWS in tests/house/layers.py"
            continue
        for use in imported(root, path):
            target = use.name.removeprefix(f"{PACKAGE}.")
            if use.name == target or not _is_part(root, target) or _allowed(part, target):
                continue
            yield f"{where}:{use.line}: {part or '__init__'} may not import {target}"


def trespasses(root: Path) -> Iterator[str]:
    """Every use of a banned name outside the modules that own it, as `file:line: what`."""
    for path in modules(root):
        inside = path.relative_to(root / PACKAGE).as_posix()
        for use in used(root, path):
            for name, owners in OWNERS.items():
                if within(use.name, name) and not inside.startswith(owners):
                    yield f"{PACKAGE}/{inside}:{use.line}: {name} belongs to {', '.join(owners) or 'nobody'}"


def _allowed(part: str, target: str) -> bool:
    grants = (part, *ARROWS[part]) if part else ()
    return any(not grant or within(target, grant) for grant in grants)


def _part(module: str) -> str:
    """The part of the package a module belongs to; the package itself: an empty string."""
    return module.split(".")[1] if "." in module else ""


def _is_part(root: Path, target: str) -> bool:
    """Whether `target` begins with a module or folder, rather than with a name like `__version__`."""
    first = root / PACKAGE / target.split(".")[0]
    return first.is_dir() or first.with_suffix(".py").is_file()
