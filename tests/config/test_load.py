"""The files in `schedules/`: what is read, and every problem with its file and line."""

import os
from pathlib import Path

import pytest

from restoredrill import config
from restoredrill.errors import ConfigError, Exit, UsageError
from restoredrill.known import IgnoreSpec
from restoredrill.model import CheckSpec, FingerprintLevel
from tests.config.documents import ACCEPTED, DESIGN, EVERYTHING, REFUSED, SMALLEST
from tests.plugins.requirements import REPOSITORY


def problems_of(directory: Path) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        config.load(directory)
    assert caught.value.exit_code is Exit.USAGE
    return [problem.removeprefix(f"{directory}/") for problem in caught.value.problems]


@pytest.mark.parametrize("text", ACCEPTED.values(), ids=ACCEPTED)
def test_accepts(text: str) -> None:
    assert config.parse(text, "shop", "shop.yaml").name == "shop"


@pytest.mark.parametrize(("text", "problem"), REFUSED.values(), ids=REFUSED)
def test_refuses_with_line_and_path(text: str, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        config.parse(text, "shop", "shop.yaml")
    assert caught.value.problems == (f"shop.yaml:{problem}",)
    assert "hunter2" not in str(caught.value).lower()


def test_reads_the_design_as_it_is_meant() -> None:
    shop = config.parse(DESIGN, "shop", "shop.yaml")
    assert shop.source is not None
    assert (shop.source.url, shop.source.lock_timeout_s) == ("${SHOP_DATABASE_URL}", 30.0)
    assert shop.backup is not None
    assert shop.backup.fingerprint is FingerprintLevel.CONTENT
    assert shop.backup.timezone == "UTC"
    assert shop.backup.keep is not None
    assert (shop.backup.keep.hourly, shop.backup.keep.yearly) == (24, 0)
    assert shop.drill is not None
    assert (shop.drill.deadline_s, shop.drill.rto_s, shop.drill.rpo_s) == (2700.0, 1800.0, 93600.0)
    assert shop.drill.network == "isolated"
    assert shop.drill.ignore_specs == (
        IgnoreSpec(rule="EXTENSION_VERSION", object="pg_trgm", reason="1.5 there, 1.6 here; see OPS-114"),
    )
    assert (shop.notify[0].url, shop.notify[0].on) == ("${OPS_CHAT_URL}", ("failed", "inconclusive"))


def test_the_example_in_the_repository_is_valid() -> None:
    assert "demo" in config.load(REPOSITORY / "schedules")


def test_checks_become_plain_options() -> None:
    drill = config.parse(DESIGN, "shop", "shop.yaml").drill
    assert drill is not None
    assert drill.check_specs == (
        CheckSpec(
            name="orders are there",
            kind="rows",
            options={
                "table": "public.orders",
                "min": 1000,
                "max": None,
                "max_fall": None,
                "max_growth": None,
                "timeout_s": 60.0,
            },
        ),
        CheckSpec(
            name="orders are fresh",
            kind="freshness",
            options={
                "table": "public.orders",
                "column": "created_at",
                "max_age_s": 7200.0,
                "timeout_s": 60.0,
            },
        ),
        CheckSpec(
            name="no negative totals",
            kind="sql",
            options={
                "sql": "select count(*) from orders where total < 0",
                "expect": "== 0",
                "timeout_s": 60.0,
            },
        ),
        CheckSpec(
            name="the app starts",
            kind="command",
            options={"argv": ["pytest", "smoke/"], "write": False, "timeout_s": 300.0},
        ),
    )


def test_other_credentials_replace_the_writers_whole() -> None:
    vault = config.parse(EVERYTHING, "shop", "shop.yaml").vault
    writer, reader, pruner = (vault.spec(purpose) for purpose in ("backup", "restore", "prune"))
    assert (writer.access_key_id, writer.secret_access_key) == ("${KEY_ID}", "file:/run/secrets/key")
    assert (reader.profile, reader.access_key_id, reader.secret_access_key) == ("reader", None, None)
    assert (pruner.profile, pruner.role_arn) == (None, "arn:aws:iam::123456789012:role/pruner")
    for spec in (writer, reader, pruner):
        assert (spec.url, spec.region, spec.path_style) == ("s3://acme-backups", "eu-central-1", True)


def test_the_writer_does_it_all_where_nobody_else_is_named() -> None:
    vault = config.parse(SMALLEST, "shop", "shop.yaml").vault
    assert vault.spec("restore") == vault.spec("backup") == vault.spec("prune")


def test_loads_every_file_by_name(tmp_path: Path) -> None:
    for name in ("shop.yaml", "CRM-2.yml", ".hidden.yaml", "README.md", ".#shop.yaml"):
        good = name.endswith("l") and name[0] != "."
        (tmp_path / name).write_text(
            SMALLEST.replace("///", f"///{name}/") if good else "{", encoding="utf-8"
        )
    assert list(config.load(tmp_path)) == ["CRM-2", "shop"]


def test_finds_all_problems_of_all_files(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("drill: {jobs: 0, corn: x}\n", encoding="utf-8")
    (tmp_path / "b.yaml").write_text("a: [1\n", encoding="utf-8")
    (tmp_path / "c.yaml").write_text(SMALLEST, encoding="utf-8")
    (tmp_path / "d.yaml").write_bytes(b"a: 1\nb: \xff\n")
    (tmp_path / "e.yaml").write_text("# " + "x" * 300_000, encoding="utf-8")
    (tmp_path / "f.yaml").touch()
    (tmp_path / "g.yaml").mkdir()
    (tmp_path / "h.yaml").symlink_to(tmp_path / "nowhere")
    (tmp_path / "i j.yaml").write_text(SMALLEST, encoding="utf-8")
    (tmp_path / "k.yaml").write_text(SMALLEST, encoding="utf-8")
    (tmp_path / "k.yml").write_text(SMALLEST, encoding="utf-8")
    os.mkfifo(tmp_path / "l.yaml")
    assert problems_of(tmp_path) == [
        "a.yaml:1: drill.corn: unknown key; did you mean cron?",
        "a.yaml:1: drill.jobs: must be 1 or more",
        "a.yaml:1: vault: is missing",
        (
            "b.yaml:2: is not YAML: expected ',' or ']', but got '<stream end>' while parsing a flow "
            "sequence that began on line 1"
        ),
        "d.yaml:2: is not UTF-8 text",
        "e.yaml: is larger than 256 KB",
        "f.yaml:1: is empty",
        "g.yaml: is no file",
        "h.yaml: leads nowhere",
        "i j.yaml: a database is called like its file: letters, digits, and . _ - inside, 100 at most",
        "k.yaml: there is a k.yml too; one database, one file",
        "k.yml: there is a k.yaml too; one database, one file",
        "l.yaml: is no file",
    ]


@pytest.mark.parametrize("kind", ["missing", "empty", "file"])
def test_no_directory_or_no_file_is_an_error_with_a_way_out(tmp_path: Path, kind: str) -> None:
    directory = tmp_path / "schedules"
    if kind == "empty":
        directory.mkdir()
    if kind == "file":
        directory.touch()
    with pytest.raises(ConfigError) as caught:
        config.load(directory)
    reason = {"missing": "no such directory", "empty": "holds no .yaml file", "file": "not a directory"}[kind]
    assert caught.value.problems == (f"{directory}: {reason}",)
    assert "restoredrill init" in caught.value.hint


def test_hint_says_how_to_refer_to_a_secret(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("source: {url: 'postgresql://a:hunter2@b/c'}\n", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        config.load(tmp_path)
    assert (
        caught.value.hint
        == "secrets are referred to: ${NAME} is an environment variable, file:/path a file's content"
    )
    assert "hunter2" not in f"{caught.value} {caught.value!r} {caught.value.hint}"


def test_one_database_may_be_used_while_others_are_broken(tmp_path: Path) -> None:
    (tmp_path / "shop.yaml").write_text(SMALLEST, encoding="utf-8")
    (tmp_path / "crm.yaml").write_text("a: [", encoding="utf-8")
    assert config.load_one(tmp_path, "shop").name == "shop"
    with pytest.raises(ConfigError, match=r"crm\.yaml:1"):
        config.load_one(tmp_path, "crm")


def test_an_unknown_database_lists_those_there_are(tmp_path: Path) -> None:
    for name in ("crm", "shop"):
        (tmp_path / f"{name}.yaml").write_text(SMALLEST, encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        config.load_one(tmp_path, "shpo")
    assert str(caught.value) == f"find database 'shpo': no such file in {tmp_path}"
    assert caught.value.hint == "did you mean shop? there is crm, shop"


def test_two_databases_in_one_vault_are_refused(tmp_path: Path) -> None:
    """They would restore and prune one another's backups."""
    for name, url in (("a", "s3://b/x"), ("b", "s3://b/y"), ("c", "s3://b/x/")):
        (tmp_path / f"{name}.yaml").write_text(f"vault: {{url: '{url}'}}\ndrill: {{}}\n")
    with pytest.raises(ConfigError) as caught:
        config.load(tmp_path)
    (problem,) = caught.value.problems
    assert problem.startswith(f"{tmp_path / 'c.yaml'}: vault.url: a has the same")
