"""How the facts look."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from camfan_nodes.top.facts import CameraFacts, NodeFacts, SiteFacts, SubscriberFacts
from camfan_nodes.top.table import SiteTable
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
        "1 of 2 live", "1 thing needs you: gate is stale.", "180 ms ±6", "2 min 15 s old",
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


def test_only_trouble_has_colour() -> None:
    """Amber for what may mend itself, red for what is gone; a live camera has none."""
    lines = printed(FACTS, 160, colour=True).splitlines()

    gate = next(line for line in lines if "gate" in line and "stale" in line and "old" in line)
    yard = next(line for line in lines if "yard" in line)
    assert "38;2;244;183;64" in gate
    assert "38;2;244;183;64" not in yard
    assert "38;2;255;125;110" in yard, "twelve frames are lost for good"


def test_unknown_is_a_dash_never_zero() -> None:
    """Nobody has said how many were lost."""
    line = next(line for line in printed(FACTS, 160).splitlines() if line.startswith("hall"))

    assert line.count("—") == 4


def test_titles_stand_beside_the_names_that_have_one() -> None:
    """Where there is room; without any, there is no column for them."""
    with_title = replace(FACTS, cameras=(camera("porch"), camera("yard")))

    assert "porch   Haustür 前门" in printed(with_title, 160)
    assert "title" not in printed(FACTS, 160)
    assert "Haustür" not in printed(with_title, 80)
