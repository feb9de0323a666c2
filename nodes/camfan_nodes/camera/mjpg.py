"""What webcams leave out of their JPEGs, and what they add.

Motion JPEG over USB may lack the Huffman tables, because everybody knows them, and is often padded
after its end; browsers and strict decoders refuse both. Nothing else of a picture is touched.
"""

from __future__ import annotations

from camfan_wire.jpeg import EOI, SOI

_SCAN, _TABLES = 0xDA, 0xC4


def _table(kind: int, counts: str, symbols: str) -> bytes:
    return bytes([kind]) + bytes.fromhex(counts) + bytes.fromhex(symbols)


_STANDARD = (  # ITU-T T.81, tables K.3 to K.6
    _table(0x00, "00010501010101010100000000000000", "000102030405060708090a0b")
    + _table(
        0x10,
        "0002010303020403050504040000017d",
        "01020300041105122131410613516107227114328191a1082342b1c11552d1f02433627282090a161718191a"
        "25262728292a3435363738393a434445464748494a535455565758595a636465666768696a737475767778"
        "797a838485868788898a92939495969798999aa2a3a4a5a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7"
        "c8c9cad2d3d4d5d6d7d8d9dae1e2e3e4e5e6e7e8e9eaf1f2f3f4f5f6f7f8f9fa",
    )
    + _table(0x01, "00030101010101010101010000000000", "000102030405060708090a0b")
    + _table(
        0x11,
        "00020102040403040705040400010277",
        "000102031104052131061241510761711322328108144291a1b1c109233352f0156272d10a162434e125f117"
        "18191a262728292a35363738393a434445464748494a535455565758595a636465666768696a7374757677"
        "78797a82838485868788898a92939495969798999aa2a3a4a5a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5"
        "c6c7c8c9cad2d3d4d5d6d7d8d9dae2e3e4e5e6e7e8e9eaf2f3f4f5f6f7f8f9fa",
    )
)
HUFFMAN_TABLES = b"\xff\xc4" + (2 + len(_STANDARD)).to_bytes(2, "big") + _STANDARD


def whole(jpeg: bytes) -> bytes:
    """The same picture without padding and with its Huffman tables.

    The very same bytes if nothing is amiss, or if they are not a JPEG at all.
    """
    if not jpeg.startswith(SOI):
        return jpeg
    if not jpeg.endswith(EOI):
        end = jpeg.rfind(EOI)
        jpeg = jpeg if end < 0 else jpeg[: end + 2]
    scan = _scan_without_tables(jpeg)
    return jpeg if scan is None else jpeg[:scan] + HUFFMAN_TABLES + jpeg[scan:]


def _scan_without_tables(jpeg: bytes) -> int | None:
    """Where the first scan starts, if no Huffman table comes before it."""
    at = 2
    while at + 4 <= len(jpeg) and jpeg[at] == 0xFF:
        marker = jpeg[at + 1]
        if marker == _TABLES:
            return None
        if marker == _SCAN:
            return at
        if marker == 0xFF:  # a fill byte
            at += 1
        else:
            at += 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
    return None
