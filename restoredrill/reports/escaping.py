"""Names and messages come from strangers' databases: what fools terminals or eyes is made visible."""

import unicodedata

# Needed inside words and emoji; nothing else of category Cf has a place in a report.
JOINERS = "\u200c\u200d"


def visible(text: str, *, keep_newlines: bool = False) -> str:
    r"""Controls, bidirectional overrides, invisible characters and lone surrogates as `\x1b`, `\u202e`…

    Line ends become one space, or stay (as `\n`) with `keep_newlines`. Letters of every script stay.

    >>> visible("\x1b[31mred\x1b[0m")
    '\\x1b[31mred\\x1b[0m'
    """
    if text.isascii() and text.isprintable():
        return text
    if keep_newlines:
        lines = text.replace("\r\n", "\n").split("\n")
        return "\n".join("".join(map(_shown, line.replace("\t", "    "))) for line in lines)
    return "".join(map(_shown, text.replace("\r\n", " ").replace("\n", " ").replace("\t", " ")))


def _shown(character: str) -> str:
    category = unicodedata.category(character)
    code = ord(character)
    if (
        category in ("Cc", "Cs", "Zl", "Zp")
        or (category == "Cf" and character not in JOINERS)
        or code & 0xFFFE == 0xFFFE
    ):
        return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
    return character
