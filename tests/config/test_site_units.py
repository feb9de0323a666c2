"""Units as they are written in a site file."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camfan_config import Size
from camfan_config.text import units

PARSERS: list[Callable[[str], object]] = [
    units.parse_duration,
    units.parse_bytes,
    units.parse_share,
    units.parse_size,
    units.parse_address,
]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("500ms", 0.5),
        ("5s", 5),
        ("10m", 600),
        ("2h", 7200),
        ("7d", 604_800),
        ("1.5h", 5400),
        ("0", 0),
    ],
)
def test_a_duration_is_a_number_and_its_unit(text: str, seconds: float) -> None:
    """ms, s, m, h and d; only nought may go without."""
    assert units.parse_duration(text) == seconds


@pytest.mark.parametrize(
    ("text", "count"),
    [("512MB", 512_000_000), ("200GB", 200 * 10**9), ("64MiB", 2**26), ("1.5kB", 1500), ("0", 0)],
)
def test_bytes_are_decimal_or_binary(text: str, count: int) -> None:
    """MB is a million, MiB is 2 to the 20th."""
    assert units.parse_bytes(text) == count


@pytest.mark.parametrize(
    ("text", "share"), [("0.3%", 0.003), ("100%", 1), ("0.25", 0.25), ("0", 0)]
)
def test_a_share_is_a_percentage_or_a_number_up_to_one(text: str, share: float) -> None:
    """Both mean the same part of the whole."""
    assert units.parse_share(text) == share


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:8080", ("127.0.0.1", 8080)),
        ("[::1]:80", ("::1", 80)),
        ("hub.local:1", ("hub.local", 1)),
    ],
)
def test_an_address_is_host_and_port(text: str, address: tuple[str, int]) -> None:
    """An IPv6 address stands in brackets."""
    assert units.parse_address(text) == address


@pytest.mark.parametrize(
    ("parse", "text"),
    [
        (units.parse_duration, "5"),
        (units.parse_duration, "5 s"),
        (units.parse_duration, "1h30m"),
        (units.parse_duration, "-5s"),
        (units.parse_duration, "٥s"),
        (units.parse_duration, "9" * 400 + "d"),
        (units.parse_duration, "36501d"),
        (units.parse_bytes, "1000001TB"),
        (units.parse_bytes, "200"),
        (units.parse_bytes, "200G"),
        (units.parse_bytes, "1e9B"),
        (units.parse_share, "3"),
        (units.parse_share, "101%"),
        (units.parse_size, "1280"),
        (units.parse_size, "1280x0"),
        (units.parse_size, "16384x16384"),
        (units.parse_address, "8080"),
        (units.parse_address, ":8080"),
        (units.parse_address, "::1:80"),
        (units.parse_address, "a:65536"),
        (units.parse_address, "[1.2.3.4]:80"),
    ],
)
def test_what_could_mean_two_things_is_refused(parse: Callable[[str], object], text: str) -> None:
    """No guessing, and a sentence that does not repeat the value."""
    with pytest.raises(ValueError, match=r"^(is|has|holds) "):
        parse(text)


@given(st.text(max_size=30), st.sampled_from(PARSERS))
def test_any_text_is_a_value_or_a_value_error(text: str, parse: Callable[[str], object]) -> None:
    """Reading is total, and never gives infinity."""
    try:
        value = parse(text)
    except ValueError:
        return
    assert not isinstance(value, float) or math.isfinite(value)


@given(st.integers(0, 10**9).map(lambda ms: ms / 1000))
def test_a_duration_comes_back(seconds: float) -> None:
    """What is shown can be read again, to the millisecond."""
    assert units.parse_duration(units.format_duration(seconds)) == seconds


@given(st.integers(0, 10**15 - 1))
def test_bytes_come_back(count: int) -> None:
    """Whatever the number, the shortest way to write it means exactly it."""
    assert units.parse_bytes(units.format_bytes(count)) == count


@given(st.integers(0, 100_000).map(lambda n: n / 100_000))
def test_a_share_comes_back(share: float) -> None:
    """0.003 is shown as 0.3%."""
    assert units.parse_share(units.format_share(share)) == share


@given(st.integers(16, 4096), st.integers(16, 4096))
def test_a_size_comes_back(width: int, height: int) -> None:
    """Width first."""
    assert units.parse_size(str(Size(width, height))) == Size(width, height)


@pytest.mark.parametrize(
    ("count", "words"), [(0, "0 B"), (999.6e6, "1e+03 MB"), (466e9, "466 GB"), (3.26e12, "3.26 TB")]
)
def test_bytes_for_people(count: float, words: str) -> None:
    """Three digits are enough."""
    assert units.short_bytes(count) == words.replace("1e+03", "1000")


@pytest.mark.parametrize(
    ("seconds", "words"), [(5, "5 seconds"), (37_080, "10.3 hours"), (604_800, "7 days")]
)
def test_durations_for_people(seconds: float, words: str) -> None:
    """In the unit that gives a number between 2 and 48 or so."""
    assert units.short_duration(seconds) == words
