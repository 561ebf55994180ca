"""Can a machine in these subnets reach the vault's bucket, and nobody reach the machine."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from restoredrill.aws.errors import translated
from restoredrill.errors import CloudError
from restoredrill.machines.ec2.ask import REFUSED, Ask, Looked, failed, note, ok, unknown
from restoredrill.machines.ec2.clients import Clients

_HTTPS = 443
_ANYWHERE = ("0.0.0.0/0", "::/0")


@dataclass(frozen=True)
class Subnet:
    """A subnet and where it is."""

    id: str
    zone: str
    vpc: str


@dataclass(frozen=True)
class Network:
    """What was found: subnets that can be used, and every look on the way."""

    subnets: tuple[Subnet, ...] = ()
    looked: tuple[Looked, ...] = field(default_factory=tuple)


def survey(ask: Ask, clients: Clients) -> Network:
    """Look at subnets, security groups and routes. Raises nothing of the cloud's."""
    looked: list[Looked] = []
    try:
        with translated("look at subnets in", ask.region):
            ec2 = clients.get("ec2")
            found = _subnets(ec2, ask)
    except REFUSED as error:
        # A machine is asked for by its zone, which only this look tells: there is no plan without it.
        return Network(
            looked=(failed("subnets", f"the subnets can't be looked at: {error.reason}", error.hint),)
        )
    looked += _look_at_subnets(ask, found)
    vpcs = sorted({subnet.vpc for subnet in found})
    if len(vpcs) == 1:
        looked += _tried("security groups", lambda: list(_look_at_groups(ec2, ask, vpcs[0])))
        looked += _tried("routes", lambda: list(_look_at_routes(ec2, ask, clients, found, vpcs[0])))
    return Network(subnets=found, looked=tuple(looked))


def _tried(name: str, look: Any) -> list[Looked]:
    try:
        found: list[Looked] = look()
    except REFUSED as error:
        return [unknown(name, error)]
    return found


# Subnets and security groups --------------------------------------------------------------------------------


def _subnets(ec2: Any, ask: Ask) -> tuple[Subnet, ...]:
    # By filter and not by id: one that is missing must not hide the others.
    answer = ec2.describe_subnets(Filters=[_named("subnet-id", ask.subnets)])
    found = {
        entry["SubnetId"]: Subnet(entry["SubnetId"], entry["AvailabilityZone"], entry["VpcId"])
        for entry in answer["Subnets"]
    }
    return tuple(found[name] for name in dict.fromkeys(ask.subnets) if name in found)


def _look_at_subnets(ask: Ask, found: Sequence[Subnet]) -> Iterator[Looked]:
    there = {subnet.id for subnet in found}
    for name in dict.fromkeys(ask.subnets):
        if name not in there:
            yield failed("subnets", f"no subnet {name} in {ask.region}", "correct machines.ec2.subnets")
    if len({subnet.vpc for subnet in found}) > 1:
        places = ", ".join(f"{subnet.id} in {subnet.vpc}" for subnet in found)
        yield failed("subnets", f"the subnets are in different networks: {places}", "name subnets of one VPC")
    elif found:
        yield ok("subnets", ", ".join(f"{subnet.id} in {subnet.zone}" for subnet in found))


def _look_at_groups(ec2: Any, ask: Ask, vpc: str) -> Iterator[Looked]:
    with translated("look at security groups in", ask.region):
        answer = ec2.describe_security_groups(Filters=[_named("group-id", ask.security_groups)])
    groups = {group["GroupId"]: group for group in answer["SecurityGroups"]}
    for name in dict.fromkeys(ask.security_groups):
        if name not in groups:
            yield failed(
                "security groups", f"no security group {name} in {ask.region}", "correct the name in the file"
            )
        elif groups[name]["VpcId"] != vpc:
            yield failed(
                "security groups",
                f"security group {name} belongs to {groups[name]['VpcId']}, the subnets to {vpc}",
                "name one of the subnets' network",
            )
        elif groups[name].get("IpPermissions"):
            yield note(
                "security groups",
                f"security group {name} lets others in",
                "nobody has to reach a drill's machine: take its inbound rules away",
            )
    ours = [groups[name] for name in ask.security_groups if name in groups]
    if not ours:
        return
    # Rules of all groups add up.
    if any(_lets_out(rule) for group in ours for rule in group.get("IpPermissionsEgress", ())):
        yield ok("security groups", ", ".join(group["GroupId"] for group in ours))
    else:
        yield failed(
            "security groups",
            f"no rule of {', '.join(group['GroupId'] for group in ours)} lets HTTPS out",
            "allow outbound TCP 443 to S3's prefix list",
        )


def _lets_out(rule: Mapping[str, Any]) -> bool:
    targets = ("IpRanges", "Ipv6Ranges", "PrefixListIds", "UserIdGroupPairs")
    if not any(rule.get(name) for name in targets):
        return False
    if rule.get("IpProtocol") == "-1":
        return True
    ports = range(rule.get("FromPort", 0), rule.get("ToPort", 65535) + 1)
    return rule.get("IpProtocol") in ("tcp", "6") and _HTTPS in ports


# Routes -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Ways:
    """Route tables and endpoints of a network, as they were found."""

    tables: Sequence[Mapping[str, Any]]
    endpoints: Sequence[Mapping[str, Any]]
    region: str

    def table_of(self, subnet: str) -> Mapping[str, Any]:
        """A subnet's own table, else the network's main one."""
        main: Mapping[str, Any] = {}
        for table in self.tables:
            for association in table.get("Associations", ()):
                if association.get("SubnetId") == subnet:
                    return table
                if association.get("Main"):
                    main = table
        return main

    def interface(self, service: str) -> bool:
        """Is there an interface endpoint that the service's usual name leads to."""
        return any(
            endpoint.get("PrivateDnsEnabled", False)
            for endpoint in self._of(service)
            if endpoint["VpcEndpointType"] == "Interface"
        )

    def gateway(self, service: str, table: Mapping[str, Any]) -> bool:
        """Does `table` lead to the service through a gateway endpoint."""
        return any(
            table.get("RouteTableId") in endpoint.get("RouteTableIds", ())
            for endpoint in self._of(service)
            if endpoint["VpcEndpointType"] == "Gateway"
        )

    def _of(self, service: str) -> Iterator[Mapping[str, Any]]:
        for endpoint in self.endpoints:
            usable = str(endpoint.get("State", "available")).lower() == "available"
            if usable and str(endpoint["ServiceName"]).endswith(f".amazonaws.{self.region}.{service}"):
                yield endpoint


def _look_at_routes(
    ec2: Any, ask: Ask, clients: Clients, subnets: Sequence[Subnet], vpc: str
) -> Iterator[Looked]:
    with translated("look at routes in", vpc):
        in_vpc = [_named("vpc-id", [vpc])]
        tables = ec2.describe_route_tables(Filters=in_vpc)["RouteTables"]
        endpoints = ec2.describe_vpc_endpoints(Filters=in_vpc)["VpcEndpoints"]
    ways = _Ways(tables, endpoints, ask.region)
    elsewhere = _bucket_elsewhere(ask, clients)
    for subnet in subnets:
        yield _way_to_bucket(ask, ways, subnet, elsewhere)
        for service in ask.services:
            if not ways.interface(service) and not _out(ask, ways.table_of(subnet.id)):
                yield failed(
                    "routes",
                    f"{subnet.id} has no way to {service}, where the key is",
                    f"add an interface endpoint for {service} with private DNS",
                )


def _way_to_bucket(ask: Ask, ways: _Ways, subnet: Subnet, elsewhere: str | None) -> Looked:
    table = ways.table_of(subnet.id)
    if not elsewhere and ways.gateway("s3", table):
        return ok("routes", f"{subnet.id} reaches S3 by a gateway endpoint")
    if not elsewhere and ways.interface("s3"):
        return ok("routes", f"{subnet.id} reaches S3 by an interface endpoint")
    if way := _out(ask, table):
        return ok("routes", f"{subnet.id} reaches S3 by {way}")
    if elsewhere:
        return failed(
            "routes",
            f"the bucket {ask.bucket} is in {elsewhere}, where no endpoint in {ask.region} leads",
            f"drill in {elsewhere}, or give {subnet.id} a way out (NAT)",
        )
    why = "its way out is an internet gateway, and the machine gets no public address"
    dead = f" ({why})" if _gateways(table) else ""
    return failed(
        "routes",
        f"{subnet.id} has no route to the bucket{dead}",
        "add an S3 gateway endpoint to its route table",
    )


def _out(ask: Ask, table: Mapping[str, Any]) -> str | None:
    """What leads out of the network, where a machine may use it: a NAT, a transit gateway, …"""
    for route in _defaults(table):
        target = next((str(route[key]) for key in _TARGETS if route.get(key)), "")
        # An internet gateway passes only those on who have an address of their own.
        if target and (not target.startswith("igw-") or ask.public_address):
            return target
    return None


_TARGETS = (
    "NatGatewayId",
    "TransitGatewayId",
    "GatewayId",
    "NetworkInterfaceId",
    "InstanceId",
    "VpcPeeringConnectionId",
    "EgressOnlyInternetGatewayId",
    "CoreNetworkArn",
    "LocalGatewayId",
)


def _defaults(table: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [
        route
        for route in table.get("Routes", ())
        if route.get("State", "active") == "active"
        and (route.get("DestinationCidrBlock") or route.get("DestinationIpv6CidrBlock")) in _ANYWHERE
    ]


def _gateways(table: Mapping[str, Any]) -> bool:
    return any(str(route.get("GatewayId", "")).startswith("igw-") for route in _defaults(table))


def _bucket_elsewhere(ask: Ask, clients: Clients) -> str | None:
    """The bucket's region, where it is known and another than the machine's."""
    if not ask.bucket:
        return None
    try:
        with translated("look at", ask.bucket):
            region = clients.get("s3", attempts=2).head_bucket(Bucket=ask.bucket).get("BucketRegion")
    except CloudError:
        return None  # whoever plans need not be one who reads the bucket
    return region if region and region != ask.region else None


def _named(name: str, values: Sequence[str]) -> dict[str, Any]:
    return {"Name": name, "Values": list(dict.fromkeys(values))}
