"""The form for tickets, read by a Markdown parser as a forge would."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from restoredrill.model import Report
from restoredrill.reports.escaping import visible
from restoredrill.reports.markdown import as_markdown, escape
from tests.reports import samples

GFM = MarkdownIt("commonmark").enable(["table", "strikethrough"])
OURS = {
    *("heading_open", "heading_close", "paragraph_open", "paragraph_close", "inline", "text", "strong_open"),
    *("strong_close", "bullet_list_open", "bullet_list_close", "list_item_open", "list_item_close"),
    *(
        "table_open",
        "table_close",
        "thead_open",
        "thead_close",
        "tbody_open",
        "tbody_close",
        "tr_open",
        "tr_close",
    ),
    *("th_open", "th_close", "td_open", "td_close"),
}


def flat(source: str) -> list[Token]:
    tokens: list[Token] = []
    for token in GFM.parse(source):
        tokens += [token, *(token.children or [])]
    return tokens


def read(inline: Token) -> str:
    return "".join(child.content for child in inline.children or []).replace("\u200b", "")


def one_line(words: str) -> str:
    return " ".join(visible(words).split())


@pytest.mark.parametrize("words", samples.HOSTILE)
def test_no_name_becomes_markup(words: str) -> None:
    tokens = flat(as_markdown(samples.hostile(words)))
    assert {token.type for token in tokens} <= OURS
    assert sum(token.type == "table_open" for token in tokens) == 5
    assert sum(token.type == "heading_open" for token in tokens) == 7


@pytest.mark.parametrize("words", samples.HOSTILE)
def test_no_name_adds_a_row_or_a_cell(words: str) -> None:
    def shape(report: Report) -> list[str]:
        return [
            token.type
            for token in GFM.parse(as_markdown(report))
            if token.type.startswith(("tr", "td", "th"))
        ]

    # Words that are the same for all rows are told once, as are those of the report compared with.
    assert shape(samples.hostile(words or " ")) == shape(samples.hostile("plain"))


@given(st.text(alphabet=st.characters(exclude_categories=[])))
@example("1. x")
@example("- x")
@example("# x")
@example("===")
@example("__a__ _b_ a_b")
@example("| a | b |")
@example("a\\|b\\")
@example("https://evil.example www.evil.example a@b.example")
@settings(deadline=None, max_examples=300)
def test_escaped_words_read_as_they_were(words: str) -> None:
    wanted = one_line(words)
    paragraph = [token for token in GFM.parse(escape(words)) if token.type == "inline"]
    assert "".join(read(token) for token in paragraph) == wanted
    cells = [t for t in GFM.parse(f"| a | b |\n| - | - |\n| {escape(words)} | end |") if t.type == "inline"]
    assert [read(token) for token in cells] == ["a", "b", wanted, "end"]
    item = [token for token in GFM.parse(f"- {escape(words) or '(empty)'}") if token.type != "inline"]
    assert [token.type for token in item].count("bullet_list_open") == 1


def test_nobody_is_called_and_nothing_is_linked() -> None:
    escaped = escape("@team #12 a@b.example https://x.example www.x.example")
    for live in ("@team", "#12", "@b", "https://", "www."):
        assert live not in escaped


def test_what_it_says() -> None:
    page = as_markdown(samples.failed())
    lines = page.splitlines()
    assert lines[0] == "## \N{CROSS MARK} FAILED: shop"
    assert "2 rows of public.orders are missing" in lines[2]
    assert "**41 m 40 s** of 30 m: missed" in page
    assert "| **critical** | ROWS_MISSING | public.orders |" in page
    assert "log.access_2026_20 and 8 more" in page
    assert "see OPS-114" in page
    assert "vol-0c1d88a5e2f70b613" in page
    assert "| tables | 10 m 11 s | 24 % |" in page
    assert "indexes and constraints (slowest)" in page


def test_a_pass_is_short() -> None:
    page = as_markdown(samples.bare())
    assert page.startswith("## \N{WHITE HEAVY CHECK MARK} PASSED: shop")
    for absent in ("### Findings", "### Time", "### Ignored", "### Not proven", "| Cost |"):
        assert absent not in page


def test_a_job_summary_stays_below_its_limit() -> None:
    finding = samples.failed().findings[0]
    many = tuple(
        finding.model_copy(update={"message": f"{n} " + "x" * 500, "object": f"t{n}"}) for n in range(3000)
    )
    page = as_markdown(samples.failed().model_copy(update={"findings": many}))
    assert len(page.encode()) < 1 << 20
    assert "and 2,950 more" in page
