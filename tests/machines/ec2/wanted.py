"""Machines that are wanted, and a price list that answers: what the tests of planning share."""

import json
from collections.abc import Mapping
from typing import Any

from werkzeug.wrappers import Response

from restoredrill.machines.ec2.ask import Ask, Looked
from restoredrill.machines.ec2.families import Type
from restoredrill.model import Extension, Manifest, StoredFile
from restoredrill.plan import AgentBundle
from tests.cloud.call import Call
from tests.cloud.world import Cloud
from tests.machines.ec2.asked import NOW
from tests.stories import samples

GB, GIB = 10**9, 1 << 30


def bundle(**more: Any) -> AgentBundle:
    said: dict[str, Any] = {
        "name": "restoredrill-0.3.0-linux_x86_64-py311-0123456789ab.pyz",
        "version": "0.3.0",
        "sha256": "0" * 64,
        "size_bytes": 60_000_000,
        "platform": "linux_x86_64",
        "python": "3.11",
        "postgres": "17.10",
        "extensions": ("pg_trgm",),
    }
    return AgentBundle(**{**said, **more})


def manifest(
    restored_bytes: int = GB, files: tuple[int, ...] = (200_000_000,), *extensions: str, major: int = 17
) -> Manifest:
    """A backup of so many bytes restored; `files` are the tables' data, as they are stored."""
    made = samples.manifest()
    stored = tuple(
        StoredFile(name=f"{n}.dat", key=f"data/{n}.dat", size_bytes=size, sha256="0" * 64, plain_bytes=size)
        for n, size in enumerate(files)
    )
    server = made.server.model_copy(
        update={
            "size_bytes": restored_bytes,
            "version": f"{major}.1",
            "version_num": major * 10_000 + 1,
            "extensions": tuple(
                Extension(name=name, version="1", schema_name="public") for name in extensions
            ),
        }
    )
    return made.model_copy(update={"server": server, "files": stored})


def ask(cloud: Cloud, **more: Any) -> Ask:
    """A drill of a small backup in the stand-in's own network: nothing stands in its way."""
    said: dict[str, Any] = {
        "region": cloud.region,
        "image": cloud.image.id,
        "subnets": cloud.network.subnets,
        "security_groups": (cloud.network.security_group,),
        "instance_profile": "drill-machine",
        "bundles": (bundle(),),
        "database": "shop",
        "manifest": manifest(),
        "at": NOW,
    }
    return Ask(**{**said, **more})


def of(looked: tuple[Looked, ...], name: str) -> list[Looked]:
    """The looks at one thing."""
    return [one for one in looked if one.name == name]


def kind(name: str, cores: int, memory_gib: float, nvme_gb: int = 0, ebs_mb_per_s: int = 0) -> Type:
    return Type(name, "x86_64", cores, int(memory_gib * GIB), nvme_gb, ebs_mb_per_s)


def price_list(cloud: Cloud, usd: Mapping[str, str], volume: bool = True) -> None:
    """From now on the stand-in has a price list: USD an hour by type, and gp3."""

    def answer(call: Call) -> Response:
        wanted = {entry["Field"]: entry["Value"] for entry in call.params["Filters"]}
        if "volumeApiName" in wanted:
            products = list(GP3) if volume else []
        else:
            name = wanted["instanceType"]
            products = [product(name, usd[name])] if name in usd else []
        body = {"FormatVersion": "aws_v1", "PriceList": [json.dumps(one) for one in products]}
        return Response(json.dumps(body), content_type="application/x-amz-json-1.1")

    cloud.gate.handlers["pricing", "GetProducts"] = answer


def no_price_list(cloud: Cloud, code: str = "AccessDeniedException", status: int = 400) -> None:
    """The stand-in's price list is not for everybody."""
    cloud.fault("pricing", "GetProducts", code, status, times=None)


def product(type_: str, usd: str, unit: str = "Hrs") -> dict[str, Any]:
    """An entry of the price list, as far as it is read."""
    dimension = {"unit": unit, "pricePerUnit": {"USD": usd}, "beginRange": "0", "endRange": "Inf"}
    return {
        "product": {"productFamily": "Compute Instance", "attributes": {"instanceType": type_}},
        "terms": {"OnDemand": {"A.B": {"priceDimensions": {"A.B.C": dimension}}}},
    }


GP3 = (
    product("", "0.0952", "GB-Mo"),
    product("", "0.006", "IOPS-Mo"),
    product("", "49.152", "GiBps-mo"),
)
