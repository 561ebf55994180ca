"""Files for `schedules/`: those that must be accepted, and those that must not."""

from tests.config import documents_ec2

PUBLIC_KEY = "age1w02pzfwwgnawaw804az7qnpy5zl2gawz3sgnqfxkg5z3n2dlhp8sgdhmtt"

SMALLEST = """\
vault: {url: "file:///var/backups/shop"}
drill: {}
"""

# DESIGN section 6, with a real public key.
DESIGN = """\
# schedules/shop.yaml
source:
  url: ${SHOP_DATABASE_URL}          # secrets come from the environment or a file, never from here
vault:
  url: s3://acme-backups/shop        # or file:///var/backups/shop
  endpoint_url: null                 # for S3-compatible stores
backup:
  cron: "15 * * * *"
  jobs: 2
  fingerprint: content               # content | rows | none
  encrypt_to: [PUBLIC_KEY]           # public keys only: this host can write backups and not read them
  keep: {last: 3, hourly: 24, daily: 14, weekly: 8, monthly: 12}
drill:
  cron: "0 3 * * *"
  timezone: Europe/Berlin
  pick: latest                       # latest | random | oldest-unverified | a backup id
  machine: local                     # or ec2, with its options under machines:
  deadline: 45m
  rto: 30m
  rpo: 26h
  jobs: 2
  decrypt_with: file:/run/secrets/shop.age-key
  checks:
    - {name: orders are there, rows: {table: public.orders, min: 1000}}
    - {name: orders are fresh, freshness: {table: public.orders, column: created_at, max_age: 2h}}
    - {name: no negative totals, sql: "select count(*) from orders where total < 0", expect: "== 0"}
    - {name: the app starts, command: [pytest, smoke/], timeout: 5m}   # gets DATABASE_URL
  ignore:
    - {rule: EXTENSION_VERSION, object: pg_trgm, reason: "1.5 there, 1.6 here; see OPS-114"}
notify:
  - {url: ${OPS_CHAT_URL}, on: [failed, inconclusive]}
""".replace("PUBLIC_KEY", PUBLIC_KEY)

EVERYTHING = f"""\
source: {{url: "postgresql://app:${{PW}}@db/shop", lock_timeout: 5s, connect_timeout: 1.5m}}
vault:
  url: s3://acme-backups
  endpoint_url: http://127.0.0.1:9000
  region: eu-central-1
  path_style: true
  access_key_id: ${{KEY_ID}}
  secret_access_key: file:/run/secrets/key
  sse_kms_key_id: alias/backups
  storage_class: STANDARD_IA
  restore_as: {{profile: reader}}
  prune_as: {{role_arn: "arn:aws:iam::123456789012:role/pruner"}}
backup:
  cron: "@hourly"
  timezone: America/New_York
  jobs: 8
  fingerprint: none
  encrypt_to: ["{PUBLIC_KEY}"]
  keep: {{yearly: 1}}
drill:
  cron: "*/30 6-22 1,15 jan-jun mon-fri"
  timezone: UTC
  pick: 20260923T031500Z-7f3a
  machine: local
  deadline: 7d
  rto: 90s
  rpo: 26h
  jobs: 1
  network: open
  decrypt_with: ${{AGE_KEY}}
  checks:
    - {{name: none of that, sql: select 1 where false, expect: no rows, timeout: 10s}}
    - {{name: not too many, rows: {{table: orders, max: 10}}}}
    - {{name: not lost, rows: {{table: orders, max_fall: 2.5%, max_growth: 300%}}}}
    - {{name: rows, sql: select 1, expect: [[1, a, true, null], [2.5, b, false, x]]}}
    - {{name: unique, unique: {{table: t, columns: [a, b], nulls: same}}}}
    - {{name: one column, unique: {{table: t, columns: a}}}}
    - {{name: refers, references: {{table: t, columns: a, to: u, to_columns: [id]}}}}
    - {{name: quick, query_time: {{sql: select 1, max: 0.2s, runs: 5}}}}
    - {{name: as agreed, schema: {{reference: shop.schema}}}}
    - {{name: writes, command: [x], write: true}}
  deep: true
  coverage: 30d
  tier: sample
  sample: [public.orders, Odd Name]
  max_fall: 10%
  ignore: [{{rule: ROWS_FELL, reason: x, until: 2026-12-31}}]
machines: {{local: {{directory: /mnt/fast}}}}
notify: [{{url: "https://chat.example/${{TOKEN}}"}}]
alarms: {{no_backup_for: 26h, no_pass_for: 3d}}
"""

BACKUP_ONLY = """\
source: {url: file:/run/secrets/url}
vault: {url: "s3://b-c/d/"}
backup: {}
"""

DUMPS = """\
source:
  dumps: s3://acme/dumps/
  match: "shop-*.dump"
  database: shop
  timezone: Europe/Berlin
  compare_with: ${SHOP}
  endpoint_url: https://s3.example
  region: eu-central-1
  path_style: true
  access_key_id: ${KEY}
  secret_access_key: ${SECRET}
vault: {url: s3://acme/drills}
drill: {}
"""

ACCEPTED = {
    "dumps": DUMPS,
    "smallest": SMALLEST,
    "design": DESIGN,
    "everything": EVERYTHING,
    "backup only": BACKUP_ONLY,
    **documents_ec2.ACCEPTED,
}


def drill(*lines: str) -> str:
    """A file with these lines below `drill:`, which is on line 2."""
    return "\n".join(["vault: {url: file:///v}", "drill:", *(f"  {line}" for line in lines), ""])


def backup(*lines: str) -> str:
    """A file with these lines below `backup:`, which is on line 3."""
    return "\n".join(
        ["vault: {url: file:///v}", "source: {url: '${X}'}", "backup:", *(f"  {line}" for line in lines), ""]
    )


def vault(*lines: str) -> str:
    """A file with these lines below `vault:`, which is on line 2."""
    return "\n".join(["drill: {}", "vault:", *(f"  {line}" for line in lines), ""])


def source(url: str) -> str:
    """A file that backs up `url`, on line 1."""
    return f"source: {{url: {url!r}}}\nvault: {{url: file:///v}}\nbackup: {{}}\n"


CHECK = "checks: [{name: c, "

# Text, and the one problem it has, after the file's name.
REFUSED_BY_SHAPE = {
    **documents_ec2.REFUSED_BY_SHAPE,
    "more than all": (
        drill("max_fall: 101%"),
        "3: drill.max_fall: must be a share like 5% or 50%, 100% at most",
    ),
    "no share": (drill("max_fall: 0.5"), "3: drill.max_fall: must be a share like 5% or 50%, 100% at most"),
    "no day": (
        drill("ignore: [{rule: ROWS_FELL, reason: x, until: tomorrow}]"),
        "3: drill.ignore[0].until: must be a day like 2026-12-31",
    ),
    "no columns": (
        drill(CHECK + "unique: {table: t, columns: []}}]"),
        "3: drill.checks[0].unique.columns: must not be an empty list",
    ),
    "write without a command": (
        drill(CHECK + "sql: x, expect: == 0, write: true}]"),
        "3: drill.checks[0]: write is for a command: every other check only reads",
    ),
    "no row expected": (
        drill(CHECK + "sql: x, expect: []}]"),
        "3: drill.checks[0].expect: has no row; write `no rows` for none",
    ),
    "a list": ("- 1\n", "1: must have keys of its own below it"),
    "no vault": ("drill: {}\n", "1: vault: is missing"),
    "nothing to do": (
        "vault: {url: file:///v}\n",
        "1: has neither backup nor drill, so there is nothing to do",
    ),
    "backup of nothing": (
        "vault: {url: file:///v}\nbackup: {}\n",
        "1: has a backup but no source to take it of",
    ),
    "null section": (
        "vault: {url: file:///v}\ndrill:\n",
        "2: drill: has nothing below it; write {} for the defaults, or remove the line",
    ),
    "unknown section": (SMALLEST + "dril: {}\n", "3: dril: unknown key; did you mean drill?"),
    "unknown key": (
        drill("corn: 1"),
        "3: drill.corn: unknown key; did you mean cron?",
    ),
    "no near key": (
        vault("url: file:///v", "xyzzy: 1"),
        (
            "4: vault.xyzzy: unknown key; there is profile, role_arn, access_key_id, secret_access_key, url, "
            "endpoint_url, region, path_style, sse_kms_key_id, storage_class, restore_as, prune_as"
        ),
    ),
    "its own name": (
        SMALLEST + "name: x\n",
        "3: name: unknown key; there is source, vault, backup, drill, machines, notify, alarms",
    ),
    "attribute's name": (drill("deadline_s: 5"), "3: drill.deadline_s: unknown key; did you mean deadline?"),
    "unknown machine": (drill("machine: moon"), "3: drill.machine: must be local or ec2"),
    "unknown machine's options": (
        SMALLEST + "machines: {moon: {}}\n",
        "3: machines.moon: unknown key; there is local, ec2",
    ),
    "fingerprint": (backup("fingerprint: contents"), "4: backup.fingerprint: must be content, rows or none"),
    "network": (drill("network: yes"), "3: drill.network: must be isolated or open"),
    "text for a number": (backup("jobs: '2'"), "4: backup.jobs: must be a whole number"),
    "true for a number": (backup("jobs: true"), "4: backup.jobs: must be a whole number"),
    "part of a number": (backup("jobs: 1.5"), "4: backup.jobs: must be a whole number"),
    "too few": (backup("jobs: 0"), "4: backup.jobs: must be 1 or more"),
    "too many": (backup("jobs: 65"), "4: backup.jobs: must be 64 or less"),
    "text for a flag": (
        vault("url: s3://b/c", "path_style: yes"),
        "4: vault.path_style: must be true or false",
    ),
    "number for a text": (drill("pick: 5"), "3: drill.pick: must be a text; quotes make it one"),
    "text for a list": (backup("encrypt_to: x"), "4: backup.encrypt_to: must be a list"),
    "number for a duration": (
        drill("deadline: 45"),
        "3: drill.deadline: must be a duration like 90s, 45m, 26h or 7d",
    ),
    "no duration": (drill("rto: 0m"), "3: drill.rto: '0m' is no time at all"),
    "bad duration": (drill("rpo: 1h30m"), "3: drill.rpo: '1h30m' is not a duration like 90s, 45m, 26h or 7d"),
    "four fields": (
        drill("cron: 0 3 * *"),
        "3: drill.cron: '0 3 * *': 4 fields instead of five: minute, hour, day of month, month, day of week",
    ),
    "pick": (
        drill("pick: newest"),
        "3: drill.pick: must be latest, random, oldest-unverified or a backup's id (20260923T031500Z-7f3a)",
    ),
    "other database": (
        source("mysql://db/shop"),
        "1: source.url: must be a URL like postgresql://user@host/database, ${NAME} or file:/path",
    ),
    "keywords": (
        source("host=db password=hunter2"),
        "1: source.url: must be a URL like postgresql://user@host/database, ${NAME} or file:/path",
    ),
    "other store": (vault("url: ftp://x"), "3: vault.url: must start with s3:// or file:///"),
    "no scheme": (vault("url: /var/backups"), "3: vault.url: must start with s3:// or file:///"),
    "endpoint": (
        vault("url: s3://b/c", "endpoint_url: localhost:9000"),
        "4: vault.endpoint_url: must start with https:// or http://",
    ),
    "endpoint with a key": (
        vault("url: s3://b/c", "endpoint_url: 'https://key:hunter2@host'"),
        "4: vault.endpoint_url: holds a user; access_key_id and secret_access_key are for that",
    ),
    "literal key": (
        vault("url: s3://b/c", "access_key_id: hunter2", "secret_access_key: '${X}'"),
        "4: vault.access_key_id: is a secret and must not stand here; write ${NAME} or file:/path",
    ),
    "literal key with a reference": (
        drill("decrypt_with: hunter2${X}"),
        "3: drill.decrypt_with: is a secret and must not stand here; write ${NAME} or file:/path",
    ),
    "literal address": (
        SMALLEST + "notify: [{url: 'https://chat.example/hunter2'}]\n",
        "3: notify[0].url: is a secret and must not stand here; write ${NAME} for it or a part of it",
    ),
    "told of nothing": (
        SMALLEST + "notify: [{url: '${X}', on: []}]\n",
        "3: notify[0].on: must not be an empty list",
    ),
    "told of what": (
        SMALLEST + "notify: [{url: '${X}', on: [bad]}]\n",
        "3: notify[0].on[0]: must be passed, failed or inconclusive",
    ),
    "private key": (
        backup("encrypt_to: [AGE-SECRET-KEY-1HUNTER2]"),
        "4: backup.encrypt_to[0]: is a private key and must not stand here; the public one starts with age1",
    ),
    "check without a name": (
        drill("checks: [{rows: {table: t, min: 1}}]"),
        "3: drill.checks[0].name: is missing",
    ),
    "check with a blank name": (
        drill("checks: [{name: ' ', rows: {table: t, min: 1}}]"),
        r"3: drill.checks[0].name: must match ^[^\r\n]*\S[^\r\n]*$",
    ),
    "check of no kind": (
        drill(CHECK + "}]"),
        (
            "3: drill.checks[0]: needs exactly one of rows, freshness, unique, references, query_time, "
            "schema, sql, command; has none"
        ),
    ),
    "check of two kinds": (
        drill(CHECK + "rows: {table: t, min: 1}, command: [x]}]"),
        (
            "3: drill.checks[0]: needs exactly one of rows, freshness, unique, references, query_time, "
            "schema, sql, command; has rows and command"
        ),
    ),
    "check of null": (
        drill(CHECK + "rows: }]"),
        "3: drill.checks[0].rows: has nothing below it; write {} for the defaults, or remove the line",
    ),
    "sql alone": (
        drill(CHECK + "sql: select 1}]"),
        '3: drill.checks[0]: sql and expect go together, such as expect: "== 0"',
    ),
    "expect alone": (
        drill(CHECK + "rows: {table: t, min: 1}, expect: == 0}]"),
        '3: drill.checks[0]: sql and expect go together, such as expect: "== 0"',
    ),
    "expect": (
        drill(CHECK + "sql: select 1, expect: zero}]"),
        (
            "3: drill.checks[0].expect: 'zero' must be a comparison (== 0, != 'x', >= 1.5, "
            "== true, == null), `no rows` or `rows == 3`"
        ),
    ),
    "no command": (drill(CHECK + "command: []}]"), "3: drill.checks[0].command: must not be an empty list"),
    "command in one": (drill(CHECK + "command: make test}]"), "3: drill.checks[0].command: must be a list"),
    "blank sql": (drill(CHECK + "sql: ' ', expect: == 0}]"), "3: drill.checks[0].sql: must not be blank"),
    "blank table": (
        drill(CHECK + "rows: {table: '', min: 1}}]"),
        "3: drill.checks[0].rows.table: must not be empty",
    ),
    "negative rows": (
        drill(CHECK + "rows: {table: t, min: -1}}]"),
        "3: drill.checks[0].rows.min: must be 0 or more",
    ),
    "freshness of what": (
        drill(CHECK + "freshness: {table: t, max_age: 2h}}]"),
        "3: drill.checks[0].freshness.column: is missing",
    ),
    "no reason": (drill("ignore: [{rule: ROWS_MISSING}]"), "3: drill.ignore[0].reason: is missing"),
    "empty reason": (
        drill("ignore: [{rule: ROWS_MISSING, reason: ''}]"),
        "3: drill.ignore[0].reason: must not be empty",
    ),
    "rule": (
        drill("ignore: [{rule: rows, reason: x}]"),
        "3: drill.ignore[0].rule: must be a rule as reports name it, such as ROWS_MISSING",
    ),
    "relative directory": (
        SMALLEST + "machines: {local: {directory: x}}\n",
        "3: machines.local.directory: must be an absolute path",
    ),
}

# The same, where a JSON Schema can't know.
REFUSED_BY_MEANING = {
    "dumps and a url": (
        "source: {url: '${X}', dumps: s3://a/b}\nvault: {url: s3://c/d}\ndrill: {}\n",
        "1: source: url and dumps exclude each other: backups are taken here or somewhere else",
    ),
    "neither dumps nor a url": (
        "source: {}\nvault: {url: s3://c/d}\ndrill: {}\n",
        "1: source: needs url, a database to back up, or dumps, where its dumps are",
    ),
    "dumps and a backup": (
        "source: {dumps: s3://a/b}\nvault: {url: s3://c/d}\nbackup: {}\n",
        "1: has a backup, but source.dumps are taken by somebody else: remove one of both",
    ),
    "the vault among the dumps": (
        "source: {dumps: s3://a/b}\nvault: {url: s3://a/b/c}\ndrill: {}\n",
        "1: vault.url lies among source.dumps, which are only read: give it another prefix",
    ),
    "a tier of dumps": (
        "source: {dumps: s3://a/b}\nvault: {url: s3://c/d}\ndrill: {tier: schema}\n",
        "1: drill.tier is for backups that are taken here: dumps are restored whole",
    ),
    "a match of a url": (
        "source: {url: '${X}', match: x}\nvault: {url: s3://c/d}\nbackup: {}\n",
        "1: source: match means nothing beside url",
    ),
    "as many columns": (
        drill(CHECK + "references: {table: t, columns: [a, b], to: u, to_columns: a}}]"),
        "3: drill.checks[0].references: 2 columns can't refer to 1",
    ),
    "no sample": (
        drill("tier: sample"),
        "2: drill: tier sample needs sample: the tables whose rows are restored",
    ),
    "rows of a kind": (
        drill(CHECK + "sql: x, expect: [[1, 2], [3]]}]"),
        "3: drill.checks[0].expect: has rows of different lengths",
    ),
    "no such day": (
        drill("ignore: [{rule: ROWS_FELL, reason: x, until: 2026-02-30}]"),
        "3: drill.ignore[0].until: must be a day like 2026-12-31: day is out of range for month",
    ),
    **documents_ec2.REFUSED_BY_MEANING,
    "minute": (drill("cron: 61 * * * *"), "3: drill.cron: '61 * * * *': minute 61 is not within 0-59"),
    "time zone": (
        drill("timezone: Europe/Berln"),
        "3: drill.timezone: 'Europe/Berln' is no time zone; did you mean Europe/Berlin?",
    ),
    "password": (
        source("postgresql://app:hunter2@db/shop"),
        "1: source.url: holds a password; write ${NAME} in its place, or for the whole URL",
    ),
    "half a password": (
        source("postgresql://app:hunter2${X}@db/shop"),
        "1: source.url: holds a password; write ${NAME} in its place, or for the whole URL",
    ),
    "no variable": (
        source("postgresql://app:${PASS-WORD}@db/shop"),
        "1: source.url: '${PASS-WORD}' is no reference: a variable is written ${NAME}",
    ),
    "no bucket": (
        vault("url: s3:///x"),
        "3: vault.url: must be a bucket and maybe a prefix, such as s3://acme-backups/shop",
    ),
    "up": (vault("url: s3://b/../c"), "3: vault.url: has an empty, `.` or `..` part in its prefix"),
    "key in a vault": (
        vault("url: s3://key:hunter2@b/c"),
        "3: vault.url: must be a bucket and maybe a prefix, such as s3://acme-backups/shop",
    ),
    "relative folder": (
        vault("url: file://v"),
        "3: vault.url: must be an absolute folder without `..`, such as file:///var/backups/shop",
    ),
    "half a key": (
        vault("url: s3://b/c", "access_key_id: '${X}'"),
        "2: vault: access_key_id and secret_access_key go together",
    ),
    "two identities": (
        vault("url: s3://b/c", "restore_as: {profile: p, access_key_id: '${X}', secret_access_key: '${Y}'}"),
        "4: vault.restore_as: profile and access_key_id exclude each other",
    ),
    "region of a folder": (
        vault("url: file:///v", "region: eu-central-1"),
        "2: vault: region means nothing for a folder",
    ),
    "public key": (
        backup(f"encrypt_to: [{PUBLIC_KEY[:-1]}q]"),
        "4: backup.encrypt_to[0]: is no age public key: those start with age1 and have 62 letters and digits",
    ),
    "keep nothing": (
        backup("keep: {last: 0}"),
        "4: backup.keep: would keep nothing; give at least one number above 0, or no `keep` to keep all",
    ),
    "no rows asked": (
        drill(CHECK + "rows: {table: t}}]"),
        "3: drill.checks[0].rows: needs min, max, max_fall or max_growth",
    ),
    "backwards": (
        drill(CHECK + "rows: {table: t, min: 2, max: 1}}]"),
        "3: drill.checks[0].rows: min 2 is more than max 1",
    ),
    "two of a name": (
        drill("checks: [{name: c, command: [x]}, {name: c, command: [y]}]"),
        "3: drill.checks: two checks are called 'c'",
    ),
    "literal": (
        drill(CHECK + "sql: select 1, expect: == x}]"),
        (
            "3: drill.checks[0].expect: '== x' compares with neither a number, a 'text' or 'date', true, "
            "false nor null"
        ),
    ),
    "no key to drill": (
        backup(f"encrypt_to: [{PUBLIC_KEY}]") + "drill: {}\n",
        "1: encrypts its backups, but drill.decrypt_with names no key to drill them with",
    ),
}

REFUSED = {**REFUSED_BY_SHAPE, **REFUSED_BY_MEANING}
