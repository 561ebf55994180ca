"""terraform/ against provider 6, which it is written for: every type, argument and attribute by name."""

from pathlib import Path

import pytest

from tests.terraform import hcl, provider_6


def test_the_provider_knows_every_name() -> None:
    known = provider_6.kept()
    used = list(provider_6.used())
    assert {kind for _, kind, _ in used} <= known.keys(), f"run python -m {provider_6.__name__}"
    found = [one for where, kind, block in used for one in provider_6.findings(where, block, known[kind])]
    assert found == []


def test_every_reference_leads_somewhere() -> None:
    blocks = [(str(path), block) for path in provider_6.files() for block in hcl.blocks(path)]
    assert [one for where, block in blocks for one in provider_6.dangling(where, block)] == []


def test_nothing_is_passed_over() -> None:
    """The reader sees as many as begin a line."""
    lines = [line for path in provider_6.files() for line in path.read_text().splitlines()]
    assert (
        len(list(provider_6.used())) == len([x for x in lines if x.startswith(("resource ", "data "))]) > 60
    )


def test_every_variable_has_a_type_and_a_description() -> None:
    blocks = [(path, block) for path in provider_6.files() for block in hcl.blocks(path)]
    wanted = {"variable": {"type", "description"}, "output": {"value", "description"}}
    assert [
        f"{path}: {block.labels[0]}"
        for path, block in blocks
        if not wanted.get(block.kind, set()) <= block.arguments.keys()
    ] == []


def of_versioning(text: str) -> list[str]:
    (block,) = hcl.parse(f'resource "aws_s3_bucket_versioning" "x" {{\n{text}\n}}\n', "x.tf")
    found = provider_6.findings("x", block, provider_6.kept()["aws_s3_bucket_versioning"])
    return [*found, *provider_6.dangling("x", block)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('bucket = "x"\ncount = 1\nversioning_configuration {\n status = "Enabled"\n}', []),
        (
            'bucket = "x"\nversioning_configuration {\n statuss = "Enabled"\n}',
            [
                "x.versioning_configuration: provider 6 knows no statuss",
                "x.versioning_configuration: status is missing",
            ],
        ),
        ('versioning_configuration {\n status = "Enabled"\n}', ["x: bucket is missing"]),
        ('bucket = "x"', ["x: versioning_configuration is missing"]),
        (
            'bucket = "x"\nversioning {}',
            ["x: provider 6 knows no versioning", "x: versioning_configuration is missing"],
        ),
        (
            'bucket = "x"\nversioning_configuration = { status = "x" }',
            ["x: versioning_configuration is a block, not an argument"],
        ),
        (
            'bucket {}\nversioning_configuration {\n status = "x"\n}',
            ["x: bucket is an argument, not a block"],
        ),
        (
            'bucket = "x"\ndynamic "versioning_configuration" {\n for_each = []\n content {\n  no = 1\n }\n}',
            [
                "x.versioning_configuration: provider 6 knows no no",
                "x.versioning_configuration: status is missing",
            ],
        ),
        (
            'bucket = "${aws_s3_bucket.a[0].nam}"\nlifecycle {}\nversioning_configuration {\n status = 1\n}',
            ["x: aws_s3_bucket.a has no nam"],
        ),
        (
            "bucket = aws_s3_bucket.a.id\nversioning_configuration {\n status = data.aws_region.b.regoin\n}",
            ["x: data.aws_region.b has no regoin"],
        ),
    ],
)
def test_a_wrong_name_is_found(text: str, said: list[str]) -> None:
    assert of_versioning(text) == said


@pytest.mark.parametrize(
    ("text", "arguments", "blocks"),
    [
        ('a "b" {\n  c = "${join("}", ["{"])} $${x \\" %%{"\n  d = 1\n}\n', ["c", "d"], []),
        ("a {\n  c = {\n    d = 1\n  } # }\n  /* e = 2\n  */\n  f {}\n}\n", ["c"], ["f"]),
        ("a {\n  c = <<-EOF\n    d = }\n  EOF\n  e = (1 +\n  2)\n}", ["c", "e"], []),
        ("a { c = 1 }", ["c"], []),
        ("// nothing\na {}\n# nothing", [], []),
    ],
)
def test_the_language(text: str, arguments: list[str], blocks: list[str]) -> None:
    (block,) = hcl.parse(text, "x.tf")
    assert (list(block.arguments), [one.kind for one in block.blocks]) == (arguments, blocks)


@pytest.mark.parametrize(
    "text", ["a {\n  b = [1)\n}\n", "a {}}", "a b\n", "a {\n  = 1\n}\n", 'a "b" {', "b = ]"]
)
def test_what_is_not_the_language(text: str, tmp_path: Path) -> None:
    (tmp_path / "x.tf").write_text(text)
    with pytest.raises(ValueError, match=r"x\.tf"):
        hcl.blocks(tmp_path / "x.tf")
