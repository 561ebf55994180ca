"""What every test may ask for; the fixtures themselves live in tests/plugins/."""

pytest_plugins = [
    "tests.plugins.requirements",
    "tests.plugins.postgres",
    "tests.plugins.s3",
    "tests.plugins.cloud",
    "tests.plugins.bundle",
    "tests.plugins.bed",
    "tests.plugins.browser",
    "tests.plugins.groups",
]
