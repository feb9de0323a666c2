"""How the facts look."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.text import Text

from camfan_nodes.monitor.facts import CameraFacts, NodeFacts, SiteFacts, SubscriberFacts
from camfan_nodes.monitor.keyboard import _split
from camfan_nodes.monitor.screen import Pager
from camfan_nodes.monitor.table import SiteTable
from camfan_nodes.shared.terminal import Printable
from camfan_nodes.site.cli_trace import TraceTable, utc
from camfan_wire.messages import Hop, Traced
from camfan_wire.states import CameraState

TITLES = {"porch": "Haustür 前门"}
NOW_NS = 1_763_800_000_000_000_000


def camera(
    name: str, state: CameraState = "live", *, trouble: str = "", lost: int = 0
) -> CameraFacts:
    return CameraFacts(
        name=name,
        title=TITLES.get(name, name),
        state=state,
        fps=15.0 if state == "live" else None,
        age_s=0.18 if state == "live" else 135.0,
        error_s=0.006,
        lost=lost,
        lost_where="12 between camera and broker" if lost else "",
        moving=state == "live",
        recorded_until_ns=NOW_NS,
        recorders=1,
        trouble=trouble,
    )


FACTS = SiteFacts(
    site="farm",
    connected=True,
    sentence="1 of 2 live",
    needs=("gate is stale",),
    cameras=(
        camera("gate", "stale", trouble="its node stopped answering"),
        camera("yard", lost=12),
    ),
    nodes=(NodeFacts("gate", "camera", "porch-pi", "silent", "", well=False),),
    subscribers=(
        SubscriberFacts("archive", "every", 3375, 0, 7, "7 ring-overrun", 3, 80.0),
        SubscriberFacts("hall", "latest", 12, None, None, "", None, None),
    ),
)


def printed(facts: SiteFacts, width: int, *, colour: bool = False, footer: str = "") -> str:
    sheet = io.StringIO()
    console = Console(
        file=sheet, width=width, force_terminal=colour, color_system="truecolor" if colour else None
    )
    console.print(SiteTable(facts, NOW_NS, footer))
    return sheet.getvalue()


def test_everything_is_said_in_the_words_of_the_window() -> None:
    """The sentence first, then cameras, nodes, subscribers, and the footer."""
    text = printed(FACTS, 160, footer="Log: somewhere")

    for said in (
        "1 of 2 live", "1 thing needs attention: gate is stale.", "180 ms ±6", "2 min 15 s old",
        "15.0", "motion", "its node stopped answering", "12 between camera and broker",
        "porch-pi", "silent", "3\u202f375", "80 ms", "7 ring-overrun", "Log: somewhere",
    ):  # fmt: skip
        assert said in text


@pytest.mark.parametrize("width", [40, 60, 79, 80, 109, 110, 200])
def test_no_line_is_longer_than_the_terminal(width: int) -> None:
    """Columns without room are left out; name, state, age and loss stay."""
    lines = printed(FACTS, width).splitlines()

    assert max(len(line) for line in lines) <= width
    text = "\n".join(lines)
    for said in ("gate", "stale", "age", "lost"):
        assert said in text


LONG = "north-field-camera-behind-the-big-old-barn-of-the-neighbour-below"[:64]
REASON = "the camera answers 401: login required, or wrong user or password"


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_trouble_is_read_whole_however_narrow_the_terminal(width: int) -> None:
    """Names and states are never cut, sentences wrap, and stand where they are seen first."""
    cameras = [camera(LONG, "offline", trouble=REASON), *(camera(f"yard-{n}") for n in range(30))]
    nodes = (NodeFacts(LONG, "camera", "porch-pi", "offline", REASON, well=False),)
    facts = replace(FACTS, cameras=tuple(cameras), nodes=nodes)

    lines = printed(facts, width).splitlines()

    assert max(len(line) for line in lines) <= width
    top = "\n".join(lines[:14])
    assert "…" not in "".join(lines)
    assert "offline" in "".join(lines)
    assert all(word in top for word in REASON.split())
    assert _found_in_pieces(LONG, lines)


def _found_in_pieces(name: str, lines: list[str]) -> bool:
    """The name, wrapped, at the left edge of lines that follow each other."""
    starts = [line.split("  ")[0].strip() for line in lines]
    joined = ["".join(starts[at : at + 5]) for at in range(len(starts))]
    return any(text.startswith(name) for text in joined)


def test_empty_columns_go() -> None:
    """Without a recorder nothing is recorded until; without motion there is no column for it."""
    quiet = replace(
        camera("yard", "idle"), fps=None, recorders=0, recorded_until_ns=None, trouble=""
    )
    text = printed(replace(FACTS, cameras=(quiet,), nodes=(), subscribers=()), 160)

    assert "yard" in text
    assert "idle" in text
    for gone in ("fps", "motion", "recorded", "trouble", "node", "subscriber"):
        assert gone not in text


def test_what_is_below_is_counted_and_scrolled_to() -> None:
    """The lines of a page and the counts beside it are all lines."""
    console = Console(file=io.StringIO(), width=80, height=10)
    pager = Pager(console, quits=True)
    whole = Text("\n".join(f"line {number}" for number in range(25)))

    def page() -> list[str]:
        return "".join(segment.text for segment in pager.page(whole).segments).splitlines()

    assert page()[0] == "line 0"
    assert page()[-1] == "16 more below · arrows, PgUp, PgDn scroll · q ends it"
    for key in ("j", "down", "page-down"):
        assert not pager.key(key)
    assert page()[0] == "line 10"
    assert page()[-1].startswith("10 more above · 6 more below")
    pager.key("end")
    assert page()[-2] == "line 24"
    assert "below" not in page()[-1]
    pager.key("k")
    pager.key("g")
    assert page()[0] == "line 0"
    assert pager.key("q")
    assert len(page()) == 10


def test_keys_are_distinguished() -> None:
    """Also when several come at once."""
    assert list(_split("j\x1b[Bq\x1b[5~\x1bOA")) == ["j", "down", "q", "page-up", "up"]


def test_the_last_line_says_all_of_it_in_forty_columns() -> None:
    console = Console(file=io.StringIO(), width=40, height=10)
    pager = Pager(console, quits=True)
    for _ in range(2):
        whole = Text("\n".join(f"line {number}" for number in range(60)))
        last = "".join(one.text for one in pager.page(whole).segments).splitlines()[-1]
        assert last.endswith("q ends it")
        assert "below" in last
        pager.key("page-down")
        pager.key("page-down")


@pytest.mark.parametrize("width", [40, 60, 80])
def test_a_trace_is_readable_in_a_narrow_terminal(width: int) -> None:
    long = "long-name-of-thirty-letters-xx"
    hops = [
        Hop(node=long, outcome="sent", time=NOW_NS),
        Hop(node="archive", outcome="recorded", time=NOW_NS, reason="in 2026-11-22/14.mkv"),
        Hop(node="viewer", outcome="skipped", reason="a newer frame was there"),
    ]
    answer = Traced(id="1", camera=long, sequence=1041, run="0" * 16, hops=hops)
    paper = io.StringIO()
    Console(file=paper, width=width).print(TraceTable(answer))
    lines = paper.getvalue().splitlines()

    date, time = utc(NOW_NS)
    assert max(len(line) for line in lines) <= width
    assert sum(time in line for line in lines) == 2
    assert any(long[:16] in line and "sent" in line for line in lines)
    assert any("archive" in line and "recorded" in line for line in lines)
    assert (date in paper.getvalue()) == (width >= 60)
    assert "a newer frame" in paper.getvalue()


NASTY = st.text(max_size=40) | st.sampled_from(
    ["\x1b[2J", "\x1b]52;c;cm0gLXJm\x07", "\x9b31m", "a\nb", "\u202edlrow", "\u2066x", "\x00"]
)


@given(NASTY, NASTY, NASTY)
def test_whatever_a_camera_says_only_printable_text_reaches_the_terminal(
    said: str, name: str, reason: str
) -> None:
    """Escape sequences, bidi overrides, line breaks: none of it, in any place of any table."""
    facts = replace(
        FACTS,
        needs=(said,),
        cameras=(replace(camera(name, "stale", trouble=said), title=reason, lost_where=reason),),
        nodes=(NodeFacts(name, reason, said, reason, said, well=False),),
        subscribers=(SubscriberFacts(name, said, 1, 2, 3, reason, 4, 5.0),),
    )
    hops = [Hop(node=name, outcome="lost", reason=said), Hop(node=said, outcome="held")]
    answer = Traced(id="1", camera=name, sequence=1, run=None, hops=hops)

    for table in (SiteTable(facts, NOW_NS, said), TraceTable(answer)):
        sheet = io.StringIO()
        Console(file=sheet, width=60).print(Printable(table))
        assert all(only_printable(line) for line in sheet.getvalue().split("\n"))


def only_printable(line: str) -> bool:
    return line.replace("\u202f", " ").isprintable()


def test_only_trouble_has_colour() -> None:
    """Amber for what may mend itself, red for what is gone; a live camera has none."""
    lines = printed(FACTS, 160, colour=True).splitlines()

    gate = next(line for line in lines if "gate" in line and "stale" in line and "old" in line)
    yard = next(line for line in lines if "yard" in line)
    assert "38;2;244;183;64" in gate
    assert "38;2;244;183;64" not in yard
    assert "38;2;255;125;110" in yard, "twelve frames are lost for good"


def test_unknown_is_a_dash_never_zero() -> None:
    """The number of lost frames has not been reported."""
    line = next(line for line in printed(FACTS, 160).splitlines() if line.startswith("hall"))

    assert line.count("—") == 4


def test_titles_stand_beside_the_names_that_have_one() -> None:
    """Where there is room; without any, there is no column for them."""
    with_title = replace(FACTS, cameras=(camera("porch"), camera("yard")))

    assert "porch   Haustür 前门" in printed(with_title, 160)
    assert "title" not in printed(FACTS, 160)
    assert "Haustür" not in printed(with_title, 40)
