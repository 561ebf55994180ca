"""The page as text: structure, policy, colours; test_page.py looks at it in a browser."""

import re
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser

import pytest

from restoredrill.model import Phase, Report
from restoredrill.reports import picture
from restoredrill.reports.escaping import visible
from restoredrill.reports.html import as_html
from tests.reports import samples

SAMPLES = {
    "passed": samples.passed(),
    "bare": samples.bare(),
    "failed": samples.failed(),
    "inconclusive": samples.inconclusive(),
} | {f"hostile {number}": samples.hostile(words) for number, words in enumerate(samples.HOSTILE)}


class Page(HTMLParser):
    """Every start tag with its attributes, and all text outside of the style sheet."""

    def __init__(self, report: Report) -> None:
        super().__init__()
        self.source = as_html(report)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.css = ""
        self._in_style = False
        self.feed(self.source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._in_style = tag == "style"

    def handle_endtag(self, tag: str) -> None:
        self._in_style = False

    def handle_data(self, data: str) -> None:
        if self._in_style:
            self.css += data
        else:
            self.words.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).split())


@pytest.mark.parametrize("report", SAMPLES.values(), ids=SAMPLES)
def test_nothing_runs_and_nothing_is_fetched(report: Report) -> None:
    page = Page(report)
    forbidden = {
        "script",
        "img",
        "iframe",
        "object",
        "embed",
        "form",
        "a",
        "base",
        "video",
        "audio",
        "image",
        "use",
    }
    assert not forbidden & {tag for tag, _ in page.tags}
    for tag, attributes in page.tags:
        assert not [
            name for name in attributes if name.startswith("on") or name in ("style", "src", "srcset")
        ], tag
        assert (attributes.get("href") or "data:").startswith("data:")
    assert not re.search(r"url\(|@import", page.css)


@pytest.mark.parametrize("report", SAMPLES.values(), ids=SAMPLES)
def test_the_policy_allows_this_style_sheet_and_no_other(report: Report) -> None:
    page = Page(report)
    (policy,) = [m["content"] for m in page.all("meta") if m.get("http-equiv") == "Content-Security-Policy"]
    digest = b64encode(sha256(page.css.encode()).digest()).decode()
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
    )


@pytest.mark.parametrize("words", [words for words in samples.HOSTILE if words.strip()])
def test_a_hostile_name_adds_no_element_and_is_shown_as_it_is(words: str) -> None:
    hostile, plain = Page(samples.hostile(words)), Page(samples.hostile("plain"))
    structure = [
        tag for tag, _ in hostile.tags if tag != "code"
    ]  # `backticks` mean code, and nothing else means more
    assert structure == [tag for tag, _ in plain.tags if tag != "code"]
    assert " ".join(visible(words).replace("`", "").split()) in hostile.text.replace("`", "")


@pytest.mark.parametrize("report", SAMPLES.values(), ids=SAMPLES)
def test_a_screen_reader_finds_its_way(report: Report) -> None:
    page = Page(report)
    assert page.all("html")[0]["lang"] == "en"
    for landmark in ("header", "main", "footer", "h1"):
        assert len(page.all(landmark)) == 1, landmark
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    labels = [
        attributes["aria-labelledby"] or "" for _, attributes in page.tags if "aria-labelledby" in attributes
    ]
    assert set(" ".join(labels).split()) <= set(ids)
    assert all("aria-labelledby" in section for section in page.all("section"))
    assert all(heading["scope"] in ("col", "row") for heading in page.all("th"))
    for svg in page.all("svg"):
        assert svg.get("aria-hidden") == "true" or (
            svg["role"] == "img" and svg.keys() & {"aria-label", "aria-labelledby"}
        )


def test_the_three_verdicts_differ_in_more_than_colour() -> None:
    pages = {name: as_html(SAMPLES[name]) for name in ("passed", "failed", "inconclusive")}
    for name, page in pages.items():
        assert f'<span class="word">{name.upper()}</span>' in page
        assert f"<title>{name.upper()} shop, " in page
    icons = {re.search(r'<svg class="icon".*?</svg>', page, re.S).group() for page in pages.values()}  # type: ignore[union-attr]
    assert len(icons) == 3
    edges = set(re.findall(r"--edge: (\w+)", pages["passed"]))
    assert edges == {"solid", "double", "dashed"}


def test_what_the_page_says() -> None:
    text = Page(samples.failed()).text
    for words in (
        "2 rows of public.orders are missing",
        "the newest order is 27 h 10 m old",
        "vol-0c1d88a5e2f70b613",
        "20260923T021500Z-7f3a",
        "39 % over the 30 m allowed",
        "RTO target 30 m",
        "bottleneck: index build of orders_customer_idx",
        "Hint: the archive does not hold what was dumped",
        "28 objects",
        "log.access_2026_28",
        "Ignored because: 1.5 there, 1.6 here; see OPS-114",
        "passwords of 3 roles",
        "restoredrill 0.1.0",
        "20260923T030000Z-51c2",
    ):
        assert words in text, words


def test_what_there_is_nothing_to_say_about_is_left_out() -> None:
    text = Page(samples.bare()).text
    for absent in (
        "Findings",
        "Left over:",
        "Ignored",
        "Where the time went",
        "says nothing about",
        "Cost",
        "Kept at",
    ):
        assert absent not in text, absent
    assert "No check was planned" in text


def test_a_kept_server_is_named() -> None:
    report = samples.passed()
    machine = report.machine.model_copy(update={"url": "postgresql:///shop?host=/run/x"})
    text = Page(report.model_copy(update={"machine": machine})).text
    assert re.search(r"Kept at ?postgresql:///shop\?host=/run/x", text)


# Pictures ---------------------------------------------------------------------------------------------------


def with_phases(*seconds: float, target_s: float | None = None) -> Report:
    phases = tuple(Phase(name=f"p{number}", seconds=value) for number, value in enumerate(seconds))
    return samples.bare().model_copy(update={"phases": phases, "rto_target_s": target_s})


def test_bars_lie_end_to_end_on_the_axis() -> None:
    timeline = picture.timeline(with_phases(10, 30, 60))
    assert timeline is not None
    assert [(bar.left_percent, bar.width_percent) for bar in timeline.bars] == [(0, 10), (10, 30), (40, 60)]
    assert [(tick.at_percent, tick.label) for tick in timeline.ticks] == [
        *((0, "0 s"), (30, "30 s"), (60, "1 m"), (90, "1 m 30 s"))
    ]
    assert [bar.slowest for bar in timeline.bars] == [False, False, True]
    assert "slowest" in timeline.bars[2].note


@pytest.mark.parametrize("total_s", [0.003, 0.7, 4, 59, 122, 3000, 86400, 9e6, 3e9])
def test_an_axis_has_a_handful_of_ticks(total_s: float) -> None:
    timeline = picture.timeline(with_phases(total_s))
    assert timeline is not None
    assert 1 <= len(timeline.ticks) <= picture.TICKS_AT_MOST + 1
    assert all(0 <= tick.at_percent <= 100 for tick in timeline.ticks)


def test_a_near_target_is_drawn_and_a_far_one_is_told() -> None:
    near = picture.timeline(with_phases(100, target_s=200))
    assert near is not None
    assert near.target is not None
    assert (near.target.at_percent, near.target.label) == (100, "RTO target 3 m 20 s")
    far = picture.timeline(with_phases(100, target_s=1800))
    assert far is not None
    assert (far.target, far.target_off_scale) == (None, "30 m")


def test_no_picture_of_nothing() -> None:
    assert picture.timeline(with_phases()) is None
    assert picture.timeline(with_phases(0, 0)) is None


# Colours ----------------------------------------------------------------------------------------------------


def palettes() -> dict[str, dict[str, str]]:
    css = Page(samples.bare()).css
    light = dict(re.findall(r"--([\w-]+): (#\w{6})", css.split("@media screen", 1)[0]))
    dark = dict(re.findall(r"--([\w-]+): (#\w{6})", css.split("@media screen", 1)[1]))
    return {"light": light, "dark": light | dark}


def contrast(one: str, other: str) -> float:
    """WCAG 2.2, relative luminance."""

    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_letters_stand_out(scheme: str) -> None:
    colours = palettes()[scheme]
    for ink in ("ink", "muted", "good", "bad", "doubt"):
        for ground in ("paper", "panel", "good-tint", "bad-tint", "doubt-tint"):
            assert contrast(colours[ink], colours[ground]) >= 4.5, (ink, ground)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_shapes_stand_out(scheme: str) -> None:
    colours = palettes()[scheme]
    for shape in ("bar", "strong", "good", "bad"):
        assert contrast(colours[shape], colours["paper"]) >= 3, shape
        assert contrast(colours[shape], colours["panel"]) >= 3, shape
    assert contrast(colours["strong"], colours["bar"]) >= 1.5  # the slowest is also named in words
