"""The image that machines start from, and who brings PostgreSQL: it or a bundle."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from restoredrill import __version__
from restoredrill.aws.errors import translated
from restoredrill.errors import CloudMissing
from restoredrill.machines.ec2.ask import Ask, Looked, failed, note, ok
from restoredrill.machines.ec2.clients import Clients
from restoredrill.plan import AgentBundle

PLATFORMS: Mapping[str, str] = {"x86_64": "linux_x86_64", "arm64": "linux_aarch64"}

# Tags of an image that was made for drills (terraform/README.md).
POSTGRES_TAG = "restoredrill:postgres"  # 17, or 16,17.4
EXTENSIONS_TAG = "restoredrill:extensions"  # postgis vector; more of them in restoredrill:extensions-2, …
PYTHON_TAG = "restoredrill:python"  # 3.11

# What distributions' own images have as python3, by how their publishers name them.
_PYTHON_BY_NAME: tuple[tuple[str, str], ...] = (
    (r"debian-12", "3.11"),
    (r"debian-13", "3.13"),
    (r"ubuntu-noble-24\.04", "3.12"),
    (r"ubuntu-jammy-22\.04", "3.10"),
    (r"ubuntu-.*-26\.04", "3.14"),
)
_AMAZON = "al2023-"
_ALWAYS_THERE = frozenset({"plpgsql"})


@dataclass(frozen=True)
class Image:
    """An AMI, as far as a machine is planned by it."""

    id: str
    name: str
    architecture: str
    root_device: str
    root_gb: int
    state: str = "available"
    root_kind: str = "ebs"
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def python(self) -> str | None:
        """The version of its python3, where its tags or its name say so."""
        if PYTHON_TAG in self.tags:
            return self.tags[PYTHON_TAG]
        return next((python for pattern, python in _PYTHON_BY_NAME if re.search(pattern, self.name)), None)

    @property
    def postgres(self) -> tuple[str, ...]:
        return tuple(_words(self.tags.get(POSTGRES_TAG, "")))

    @property
    def extensions(self) -> frozenset[str]:
        tags = (value for key, value in self.tags.items() if key.startswith(EXTENSIONS_TAG))
        return frozenset(word for value in tags for word in _words(value))


def find(spec: str, clients: Clients) -> Image:
    """The image that `spec` means: `ami-…`, or `ssm:/…`, a parameter that holds one. Raises `CloudError`."""
    identity = spec
    if spec.startswith("ssm:"):
        with translated("read", spec):
            answer = clients.get("ssm").get_parameter(Name=spec.removeprefix("ssm:"))
            identity = answer["Parameter"]["Value"]
    with translated("look at", identity):
        found = clients.get("ec2").describe_images(ImageIds=[identity])["Images"]
    if not found:
        raise CloudMissing(
            "look at", identity, f"no such image in {clients.region}", hint="correct machines.ec2.image"
        )
    return _image(found[0])


def _image(entry: Mapping[str, Any]) -> Image:
    root = entry.get("RootDeviceName") or "/dev/xvda"
    sizes = [
        mapping["Ebs"].get("VolumeSize", 0)
        for mapping in entry.get("BlockDeviceMappings", ())
        if mapping.get("DeviceName") == root and "Ebs" in mapping
    ]
    return Image(
        id=entry["ImageId"],
        name=entry.get("Name", ""),
        architecture=entry.get("Architecture", ""),
        root_device=root,
        root_gb=max(sizes, default=0) or 8,
        state=entry.get("State", "available"),
        root_kind=entry.get("RootDeviceType", "ebs"),
        tags={tag["Key"]: tag["Value"] for tag in entry.get("Tags", ())},
    )


def look(ask: Ask, image: Image) -> Iterator[Looked]:
    """Does the image do for the machine that is asked for."""
    called = f"{image.id} ({image.name})" if image.name else image.id
    if image.state != "available":
        yield failed("image", f"image {called} is {image.state}", "name one that is available")
    elif image.root_kind != "ebs":
        yield failed("image", f"image {called} does not start from EBS", "name one that does")
    elif image.architecture == ask.architecture:
        yield ok("image", f"{called}, {image.architecture}, {image.root_gb} GB")
    else:
        yield failed(
            "image",
            f"image {called} is for {image.architecture or 'no known architecture'}, not {ask.architecture}",
            "set machines.ec2.architecture, or name another image",
        )


def look_at_bundles(ask: Ask, image: Image) -> Iterator[Looked]:
    """Is there an agent that runs on the image."""
    fitting = fitting_bundles(ask.bundles, image)
    platform = PLATFORMS.get(image.architecture, image.architecture)
    wanted = f"{platform} and Python {image.python or '3.11 or later'}"
    if fitting:
        yield ok("agent", ", ".join(bundle.name for bundle in fitting))
        for version in dict.fromkeys(b.version for b in fitting if b.version != __version__):
            told = f"the agent in the vault is restoredrill {version}, this is {__version__}"
            yield note("agent", told, "build and publish one of this version: `restoredrill agent build`")
        if image.name.startswith(_AMAZON):
            yield note(
                "python",
                f"{image.name} brings no Python that is new enough: it is installed as the machine boots",
                "let the subnets reach Amazon Linux's repositories, which are in S3",
            )
        elif image.python is None:
            yield note("python", f"nothing says which Python {image.id} has", f"tag it {PYTHON_TAG}=3.11")
        return
    there = ", ".join(f"{b.platform} with Python {b.python}" for b in ask.bundles) or "none at all"
    yield failed(
        "agent",
        f"no agent bundle in the vault for {wanted}; there is {there}",
        "make one with `restoredrill agent build` there, and `restoredrill agent publish` it",
    )


def fitting_bundles(bundles: Sequence[AgentBundle], image: Image) -> tuple[AgentBundle, ...]:
    """Those that `image` can run, as far as it is known: the first of each Python. The machine would take no
    other, and the vault keeps old ones for ever, while boot data have little room.
    """
    platform = PLATFORMS.get(image.architecture, image.architecture)
    first: dict[str, AgentBundle] = {}
    for bundle in bundles:
        if bundle.platform == platform and image.python in (None, bundle.python):
            first.setdefault(bundle.python, bundle)
    return tuple(first.values())


@dataclass(frozen=True)
class Server:
    """A PostgreSQL that a machine would have, and whose it is."""

    whose: str
    version: str
    extensions: frozenset[str]

    def lacks(self, major: int, extensions: Sequence[str]) -> tuple[str, ...]:
        """What it can't give, in words; empty: it does."""
        if _major(self.version) < major:
            return (f"PostgreSQL {major} or newer",)
        missing = sorted(set(extensions) - self.extensions - _ALWAYS_THERE)
        return tuple(f"the extension {name}" for name in missing)


def servers(bundles: Sequence[AgentBundle], image: Image) -> tuple[Server, ...]:
    """Every PostgreSQL that the image or a bundle for it brings; the image's first."""
    own = [Server(f"image {image.id}", version, image.extensions) for version in image.postgres]
    brought = [
        Server(f"bundle {bundle.name}", bundle.postgres, frozenset(bundle.extensions))
        for bundle in fitting_bundles(bundles, image)
        if bundle.postgres
    ]
    return (*own, *brought)


def look_at_postgres(ask: Ask, image: Image, major: int, extensions: Sequence[str]) -> Iterator[Looked]:
    """Will there be a PostgreSQL that the backup can be restored into (or a pg_dump for the source)."""
    there = servers(ask.bundles, image)
    lacking = {server: server.lacks(major, extensions) for server in there}
    for server, lacks in lacking.items():
        if not lacks:
            yield ok("postgresql", f"{server.whose}: {server.version}")
            return
    fix = (
        f"build a bundle with it (`restoredrill agent build`), or tag an image that has it with "
        f"{POSTGRES_TAG}={major or 17} and {EXTENSIONS_TAG}"
    )
    if not there:
        wanted = f"PostgreSQL {major}" if major else "a PostgreSQL"
        yield failed("postgresql", f"neither image {image.id} nor a bundle brings {wanted}", fix)
        return
    # The one that is nearest to enough: whoever mends this mends it there.
    nearest = min(there, key=lambda server: (_major(server.version) < major, len(lacking[server])))
    for missing in lacking[nearest]:
        yield failed("postgresql", f"{nearest.whose} ({nearest.version}) lacks {missing}", fix)


def _major(version: str) -> int:
    found = re.match(r"\d+", version)
    return int(found[0]) if found else 0


def _words(text: str) -> list[str]:
    return [word for word in re.split(r"[\s,;+]+", text) if word]
