"""Files whose work runs on machines of the cloud: accepted ones, and ones that must not be."""

WHERE = "subnets: [subnet-1], security_groups: [sg-1], instance_profile: drill"


def ec2(*lines: str, drill: str = "{machine: ec2}", url: str = "s3://b/shop") -> str:
    """A file with these lines below `machines.ec2:`, which is on line 4; the first three are its least."""
    least = ("region: eu-central-1", *WHERE.replace(", s", "\ns").replace(", i", "\ni").splitlines())
    below = [f"    {line}" for line in (*least, *lines)]
    return "\n".join([f"vault: {{url: '{url}'}}", f"drill: {drill}", "machines:", "  ec2:", *below, ""])


def backed_up(source: str, *lines: str) -> str:
    """One that takes backups on a machine, too: `backup` is on the last line."""
    return ec2(*lines) + f"source: {{url: '{source}'}}\nbackup: {{machine: ec2}}\n"


BESIDE = f"backup: {{{WHERE}}}"
STORED = "secretsmanager:shop/source"
MUST_TRAVEL = "must be secretsmanager:NAME or ssm:NAME, which a machine reads by its own role"

ACCEPTED = {
    "least of ec2": ec2(),
    "all of ec2": backed_up(
        "${SHOP_DATABASE_URL}",
        "regions: [eu-west-1]",
        "image: ami-0abc",
        "architecture: arm64",
        "types: [m7g.large, r7g.large]",
        "market: spot",
        "launch_template: lt-0abc",
        "public_address: true",
        "kms_key_id: alias/drills",
        "owner: dba@example.com",
        "tags: {team: données}",
        "budget: {per_drill: 0.5, per_month: 20}",
        "boot_timeout: 15m",
        "silence: 90s",
        "decrypt_with: ssm:/shop/key",
        f"backup: {{{WHERE}, source_url: {STORED}}}",
        "profile: drills",
        "role_arn: arn:aws:iam::123456789012:role/controller",
        "endpoint_url: https://ec2.example",
    ),
    "source in a store": backed_up(STORED, BESIDE),
    "ec2 that nobody uses": ec2(drill="{}"),
    "limits of phases": ec2(
        drill="{machine: ec2, limits: {prepare: 10m, restore: 2h, verify: 1h, checks: 5m}}"
    ),
    "vault by reference": ec2(url="${VAULT}"),
}

REFUSED_BY_SHAPE = {
    "ec2 of nothing": (
        "vault: {url: s3://b/c}\ndrill: {}\nmachines: {ec2: }\n",
        "3: machines.ec2: has nothing below it; write {} for the defaults, or remove the line",
    ),
    "no subnet": (
        ec2().replace("[subnet-1]", "[]"),
        "6: machines.ec2.subnets: must not be an empty list",
    ),
    "no profile": (
        ec2().replace("    instance_profile: drill\n", ""),
        "4: machines.ec2.instance_profile: is missing",
    ),
    "unknown market": (
        ec2("market: futures"),
        "9: machines.ec2.market: must be spot-then-on-demand, spot or on-demand",
    ),
    "unknown architecture": (
        ec2("architecture: sparc"),
        "9: machines.ec2.architecture: must be x86_64 or arm64",
    ),
    "no money": (
        ec2("budget: {per_drill: 0}"),
        "9: machines.ec2.budget.per_drill: must be more than 0",
    ),
    "key of this host": (
        ec2("decrypt_with: '${KEY}'"),
        f"9: machines.ec2.decrypt_with: {MUST_TRAVEL}",
    ),
    "near key of ec2": (
        ec2("kms_key: x"),
        "9: machines.ec2.kms_key: unknown key; did you mean kms_key_id?",
    ),
    "no near key of a budget": (
        ec2("budget: {weekly: 1}"),
        "9: machines.ec2.budget.weekly: unknown key; there is per_drill, per_month",
    ),
    "key of this host for the source": (
        ec2(f"backup: {{{WHERE}, source_url: 'file:/run/secrets/url'}}"),
        f"9: machines.ec2.backup.source_url: {MUST_TRAVEL}",
    ),
    "silence of no time": (ec2("silence: 0s"), "9: machines.ec2.silence: '0s' is no time at all"),
    "limit of an unknown phase": (
        ec2(drill="{machine: ec2, limits: {provision: 1m}}"),
        "2: drill.limits.provision: unknown key; there is prepare, restore, verify, checks",
    ),
}

REFUSED_BY_MEANING = {
    "ec2 nowhere": (
        "vault: {url: s3://b/c}\ndrill: {machine: ec2}\n",
        "1: drill.machine is ec2, but there is no machines.ec2",
    ),
    "ec2 and a folder": (
        ec2(url="file:///v"),
        "1: machines.ec2 needs a vault in S3: machines of the cloud can't see a folder",
    ),
    "our tags": (
        ec2("tags: {'restoredrill:errand': x}"),
        "4: machines.ec2: tags may not set 'restoredrill:errand': restoredrill: and aws: are taken",
    ),
    "backup nowhere": (
        backed_up(STORED),
        "1: backup.machine is ec2, but there is no machines.ec2.backup to say where",
    ),
    "source that can't travel": (
        backed_up("${SHOP_DATABASE_URL}", BESIDE),
        (
            "1: backup.machine is ec2, so machines.ec2.backup.source_url must name a secret that holds the "
            "source's URL, such as secretsmanager:shop/source"
        ),
    ),
}
