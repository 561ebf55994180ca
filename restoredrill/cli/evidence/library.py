"""What signs and what checks comes with an extra: imported when it is used, missed in words."""

from types import ModuleType

from restoredrill.errors import ToolMissing


def signing() -> ModuleType:
    """`restoredrill.evidence.signing`. Raises `ToolMissing`."""
    try:
        from restoredrill.evidence import signing as found
    except ModuleNotFoundError as error:
        hint = "pip install 'restoredrill[serve]'"
        raise ToolMissing("import", str(error.name), "it is not installed", hint=hint) from error
    return found
