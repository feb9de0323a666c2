"""YAML 1.2 with places, and nothing that a site does not need."""

from __future__ import annotations

from pathlib import Path

import pytest

from camfan_config.document.tree import (
    MAX_BYTES,
    DocumentError,
    Mapping,
    Scalar,
    Sequence,
    TextSpan,
    read_document,
    resolve,
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("on", "on"),
        ("22:30", "22:30"),
        ("12:30:45", "12:30:45"),
        ("2026-11-22", "2026-11-22"),
        ("1_000", "1_000"),
        ("010", 10),
        ("0o17", 15),
        ("0x1F", 31),
        ("-7", -7),
        ("1.5", 1.5),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("true", True),
        ("FALSE", False),
        ("~", None),
        ("", None),
        ("null", None),
        ("=", "="),
    ],
)
def test_plain_scalars_mean_what_yaml_1_2_says(text: str, value: object) -> None:
    """As editors read them; PyYAML alone would make 1350 of 22:30 and False of no."""
    assert resolve(text) == value
    assert type(resolve(text)) is type(value)


def test_every_piece_knows_its_place() -> None:
    """Line, column and length, from 0, of keys and of values."""
    document = read_document(b'a: fast\nb:\n  - "x y"\n  - [1, 2]\n')

    assert isinstance(document.root, Mapping)
    first, second = document.root.entries
    assert (first.key.mark, first.value.mark) == (TextSpan(0, 0, 1), TextSpan(0, 3, 4))
    assert isinstance(second.value, Sequence)
    assert [item.mark for item in second.value.items] == [TextSpan(2, 4, 5), TextSpan(3, 4, 6)]


def test_a_quoted_number_is_text() -> None:
    """Quotes are how a file says that it means text."""
    root = read_document(b'"10"').root
    assert isinstance(root, Scalar)
    assert root.value == "10"


def test_an_alias_is_what_its_anchor_is() -> None:
    """Anchors are there to say a thing once."""
    root = read_document(b"a: &here [1]\nb: *here\n").root
    assert isinstance(root, Mapping)
    assert root.entries[0].value is root.entries[1].value


@pytest.mark.parametrize(
    ("text", "message", "mark"),
    [
        ("a: 1\nb: 2\na: 3", "given twice; first on line 1", TextSpan(2, 0)),
        ("a: !secret b", "the tag '!secret' has no meaning here", TextSpan(0, 3, 9)),
        ("a: !!python/object:os.system {}", "has no meaning here", TextSpan(0, 3, 28)),
        ("a: {<<: {b: 1}}", "merge keys", TextSpan(0, 4, 2)),
        ("[a, b]: 1", "a key must be text", TextSpan(0, 0, 6)),
    ],
)
def test_what_is_wrong_but_readable_is_collected(text: str, message: str, mark: TextSpan) -> None:
    """So that everything else in the file is checked too."""
    (complaint,) = read_document(text.encode()).complaints
    assert message in complaint.message
    assert complaint.mark == mark


@pytest.mark.parametrize(
    ("raw", "message", "mark"),
    [
        (b"a: 1\n\tb: 2", "a tab cannot indent YAML", TextSpan(1, 0)),
        (b"a: b: c", "unexpected ':'", TextSpan(0, 4)),
        (b'a: "b', "a quote is never closed", TextSpan(0, 3, 2)),
        (b"a: [1, 2", "is never closed", TextSpan(0, 3)),
        (b"a: 1\n b: 2", "indented by 1 space, but line 1 has a value", TextSpan(1, 0)),
        (b"a:\n  b: 1\n c: 2", "the indentation does not match", TextSpan(2, 1)),
        (b"a: {b: ${C}}", "put a text with '${...}' in quotes", TextSpan(0, 8)),
        (b"a: 1\n---\nb: 2", "a second document", TextSpan(1, 0, 3)),
        (b"a: *b", "the alias *b has no finished anchor", TextSpan(0, 3, 2)),
        (b"a: &b [*b]", "has no finished anchor", TextSpan(0, 7, 2)),
        (b"a: 1\nb: \xff\xfe", "byte 0xff is not UTF-8", TextSpan(1, 3)),
        (b"a: \x00", "U+0000 cannot stand in a YAML file", TextSpan(0, 3)),
        (b"[" * 2000, "nested deeper", TextSpan(0, 21)),
        (b"x" * (MAX_BYTES + 1), "larger than 1,000,000 bytes", None),
        (b'a: "\\U99999999"', "not YAML", None),
    ],
)
def test_what_cannot_be_read_is_one_sentence(
    raw: bytes, message: str, mark: TextSpan | None
) -> None:
    """With its place wherever there is one."""
    with pytest.raises(DocumentError) as caught:
        read_document(raw)
    assert message in caught.value.message
    assert caught.value.mark == mark


def test_an_alias_bomb_stays_small() -> None:
    """Nine levels of nine aliases would be 387 million values."""
    levels = [b"a0: &a0 [x,x,x,x,x,x,x,x,x]"]
    levels += [b"a%d: &a%d [%s]" % (n, n, b",".join([b"*a%d" % (n - 1)] * 9)) for n in range(1, 9)]
    with pytest.raises(DocumentError, match="values"):
        read_document(b"\n".join(levels))


def test_many_aliases_are_refused() -> None:
    """No site needs a thousand."""
    with pytest.raises(DocumentError, match="aliases"):
        read_document(b"a: &a 1\nb: [" + b"*a, " * 1000 + b"*a]")


def test_a_byte_order_mark_is_not_a_mistake(tmp_path: Path) -> None:
    """Windows editors write one."""
    root = read_document(b"\xef\xbb\xbfa: 1").root
    assert isinstance(root, Mapping)
    assert root.entries[0].key.text == "a"
