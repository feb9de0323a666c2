"""Reading events, statuses and control messages: for any bytes a message or a WireError."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct

from camfan_testing.figures import any_figures
from camfan_wire import messages
from camfan_wire.errors import WireError
from camfan_wire.figures import (
    BrokerFigures,
    MachineFigures,
    MotionFigures,
    PublisherFigures,
    RecorderFigures,
    WebFigures,
)
from camfan_wire.header import Position
from camfan_wire.messages import (
    MAX_BROKER_MESSAGE_BYTES,
    MAX_MESSAGE_BYTES,
    Credit,
    Echo,
    Event,
    Gap,
    Hello,
    Probe,
    Ready,
    Refused,
    Reloaded,
    Status,
    Subscribe,
    Welcome,
    decode_event,
    decode_from_broker,
    decode_status,
    decode_status_from_broker,
    decode_to_broker,
)

RUN = "9f3c5a7e01b2d4f6"
Decode = Callable[[bytes], Struct]
DECODERS: list[Decode] = [decode_to_broker, decode_from_broker, decode_event, decode_status]

# One valid message of each kind with all its keys; those that may be left out are named below.
TO_BROKER: list[dict[str, Any]] = [
    {"type": "hello", "protocol": 1, "name": "a", "kind": "b", "session": RUN, "camfan": "1"},
    {
        "type": "subscribe",
        "cameras": ["*"],
        "mode": "every",
        "credit": 1,
        "max_fps": 1.5,
        "since": {"a": {"run": RUN, "sequence": 1}},
        "since_time": 1,
        "topics": ["event/"],
    },
    {"type": "credit", "frames": 1},
    {"type": "probe", "sent": 1},
    {"type": "heartbeat"},
    {"type": "reload"},
    {"type": "bye"},
]
FROM_BROKER: list[dict[str, Any]] = [
    {"type": "welcome", "protocol": 1, "site": "s", "broker": RUN, "camfan": "1"},
    {"type": "ready", "cameras": ["a"]},
    {"type": "refused", "about": "hello", "reason": "because"},
    {"type": "echo", "sent": 1, "received": 2, "replied": 3, "epoch": 0},
    {"type": "gap", "camera": "a", "run": RUN, "first": 1, "last": 2, "reason": "not-received"},
    {"type": "reloaded", "changed": [], "problems": []},
]
EVENT: dict[str, Any] = {
    "id": "1",
    "time": 1,
    "source": "yard",
    "kind": "motion",
    "state": "start",
    "camera": "a",
    "details": {"boxes": [[0, 0, 1, 1]]},
}
STATUS: dict[str, Any] = {
    "node": "a",
    "kind": "camera",
    "time": 1,
    "state": "live",
    "message": "fine",
    "machine": {"temperature_c": 51.5},
    "publisher": {"fps_in": 10, "last_frame": {"run": RUN, "sequence": 1}},
    "recorder": {"cameras": {"a": {"frames": 3}}},
    "motion": {"cameras": {"a": {"motion": True}}},
    "web": {"pages": 1},
    "broker": {
        "cameras": {"a": {"state": "live", "refused": {"old": 1}}},
        "subscribers": {"b": {"mode": "latest", "account": {"delivered": 2}}},
    },
}
OPTIONAL = {
    *(("subscribe", key) for key in TO_BROKER[1] if key != "type"),
    ("hello", "camfan"),
    ("event", "camera"),
    ("event", "details"),
    *(("status", key) for key in STATUS if key not in ("node", "kind", "time", "state")),
}
NULLABLE = {
    ("hello", "camfan"),
    ("subscribe", "max_fps"),
    ("subscribe", "since_time"),
    ("gap", "last"),
    ("event", "camera"),
    *(("status", key) for key in STATUS if key not in ("node", "kind", "time", "state")),
}
KINDS: list[tuple[str, Decode, dict[str, Any]]] = [
    *((m["type"], decode_to_broker, m) for m in TO_BROKER),
    *((m["type"], decode_from_broker, m) for m in FROM_BROKER),
    ("event", decode_event, EVENT),
    ("status", decode_status, STATUS),
]
KEYS = [(kind, decode, valid, key) for kind, decode, valid in KINDS for key in valid]
KEY_IDS = [f"{kind}.{key}" for kind, _, _, key in KEYS]


ILL_TYPED: list[object] = [True, "", "\n", [None], {"": []}, -(2.0**70), 10**290]


def dump(value: object) -> bytes:
    return json.dumps(value).encode()


def is_message(decode: Decode, data: bytes) -> bool:
    """Whether it is one. Nothing but a message or a WireError can come of it."""
    try:
        decode(data)
    except WireError as exc:
        refused = exc
    else:
        return True
    assert refused.reason == "bad-message"
    assert len(str(refused)) < 500
    return False


@pytest.mark.parametrize(("kind", "decode", "valid"), KINDS, ids=[kind for kind, _, _ in KINDS])
def test_a_message_is_read_with_whatever_else_it_says(
    kind: str, decode: Decode, valid: dict[str, Any]
) -> None:
    """Unknown keys are ignored, in any order, so that both sides can be renewed one by one."""
    plain = decode(dump(valid))
    extended = {"zoom": {"x": [1, None]}, **dict(reversed(valid.items())), "über": "€"}

    assert decode(dump(extended)) == plain
    assert is_message(decode, b" \n\t" + dump(valid) + b"\r\n")


@pytest.mark.parametrize(("kind", "decode", "valid", "key"), KEYS, ids=KEY_IDS)
def test_only_what_may_be_left_out_may_be_left_out(
    kind: str, decode: Decode, valid: dict[str, Any], key: str
) -> None:
    rest = {k: v for k, v in valid.items() if k != key}

    assert is_message(decode, dump(rest)) == ((kind, key) in OPTIONAL)


@pytest.mark.parametrize(("kind", "decode", "valid", "key"), KEYS, ids=KEY_IDS)
def test_ill_typed_keys_refuse_the_message(
    kind: str, decode: Decode, valid: dict[str, Any], key: str
) -> None:
    assert is_message(decode, dump(valid | {key: None})) == ((kind, key) in NULLABLE)
    for value in ILL_TYPED:
        if is_message(decode, dump(valid | {key: value})):
            assert type(value) is type(valid[key])


@pytest.mark.parametrize(
    ("decode", "base", "changes"),
    [
        (decode_to_broker, TO_BROKER[0], {"name": "Anna"}),
        (decode_to_broker, TO_BROKER[0], {"name": "anna\n"}),
        (decode_to_broker, TO_BROKER[0], {"name": "a" * 65}),
        (decode_to_broker, TO_BROKER[0], {"session": RUN[:-1]}),
        (decode_to_broker, TO_BROKER[0], {"camfan": "1" * 33}),
        (decode_to_broker, TO_BROKER[0], {"type": "welcome"}),  # not theirs to say
        (decode_to_broker, TO_BROKER[1], {"mode": "some"}),
        (decode_to_broker, TO_BROKER[1], {"credit": -1}),
        (decode_to_broker, TO_BROKER[1], {"credit": 65}),
        (decode_to_broker, TO_BROKER[1], {"max_fps": 0}),
        (decode_to_broker, TO_BROKER[1], {"max_fps": -1}),
        (decode_to_broker, TO_BROKER[1], {"max_fps": 5e-324}),  # its interval is not a number
        (decode_to_broker, TO_BROKER[1], {"max_fps": 1001}),
        (decode_to_broker, TO_BROKER[1], {"cameras": ["a" * 65]}),
        (decode_to_broker, TO_BROKER[1], {"cameras": ["*"] * 1025}),
        (decode_to_broker, TO_BROKER[1], {"topics": ["t"] * 65}),
        (decode_to_broker, TO_BROKER[1], {"topics": ["t" * 141]}),
        (decode_to_broker, TO_BROKER[1], {"since": {"A": {"run": RUN, "sequence": 1}}}),
        (decode_to_broker, TO_BROKER[1], {"since": {"a": {"run": RUN, "sequence": -2}}}),
        (decode_to_broker, TO_BROKER[1], {"since": {"a": {"run": RUN}}}),
        (decode_to_broker, TO_BROKER[1], {"since_time": 2**63}),
        (decode_to_broker, TO_BROKER[2], {"frames": 0}),
        (decode_to_broker, TO_BROKER[2], {"frames": 65}),
        (decode_to_broker, TO_BROKER[3], {"sent": 2**63}),
        (decode_from_broker, FROM_BROKER[4], {"last": -1}),
        (decode_from_broker, FROM_BROKER[4], {"reason": "r" * 65}),
        (decode_event, EVENT, {"id": ""}),
        (decode_event, EVENT, {"id": "i" * 65}),
        (decode_event, EVENT, {"state": "begin"}),
        (decode_event, EVENT, {"time": 2**63}),
        (decode_event, EVENT, {"source": "../x"}),
        (decode_status, STATUS, {"state": "s" * 33}),
        (decode_status, STATUS, {"message": "m" * 1001}),
        (decode_status, STATUS, {"machine": {"temperature_c": "warm"}}),
        (decode_status, STATUS, {"publisher": {"sent": -1}}),
        (decode_status, STATUS, {"publisher": {"sent": 2**63}}),
        (decode_status, STATUS, {"publisher": {"last_error": "e" * 1001}}),
        (decode_status, STATUS, {"publisher": {"last_frame": {"run": RUN}}}),
        (decode_status, STATUS, {"recorder": {"cameras": {"A": {}}}}),
        (decode_status, STATUS, {"motion": {"cameras": {"a": None}}}),
        (decode_status, STATUS, {"web": {"pages": True}}),
        (decode_status, STATUS, {"broker": {"denied": {"r" * 65: 1}}}),
        (decode_status, STATUS, {"broker": {"denied": {str(n): 1 for n in range(65)}}}),
    ],
)
def test_values_out_of_range_refuse_the_message(
    decode: Decode, base: dict[str, Any], changes: dict[str, Any]
) -> None:
    assert is_message(decode, dump(base))
    assert not is_message(decode, dump(base | changes))


def nested(depth: int) -> dict[str, Any]:
    """An object with `depth` arrays and objects in each other, itself included."""
    inside: object = []
    for _ in range(depth - 2):
        inside = [inside]
    return {"more": inside}


@pytest.mark.parametrize("decode", DECODERS)
@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'"hello"',
        b"\x00",
        b"{" * 60_000,
        b"[" * 60_000,
        b'{"type":' * 8000,
        b"9" * 60_000,
        b"-" * 60_000,
        b'"' * 60_001,
        b'["' * 30_000,
        b"[" * 40 + b'"' + b'\\"' * 30_000,
        b" " * MAX_MESSAGE_BYTES,
        b"{}" + b" " * MAX_MESSAGE_BYTES,
    ],
    ids=lambda value: repr(value[:10]) if isinstance(value, bytes) else None,
)
def test_invalid_messages(decode: Decode, data: bytes) -> None:
    assert not is_message(decode, data)


@pytest.mark.parametrize(("kind", "decode", "valid"), KINDS, ids=[kind for kind, _, _ in KINDS])
@pytest.mark.parametrize(
    "note",
    [
        b"\xff",
        b'"\xff"',
        b'"\xed\xa0\x80"',
        b'"\\ud800"',
        b'"\\udc00\\ud800"',
        b'"\n"',
        b"NaN",
        b"-Infinity",
        b"1" * 301,
        b"[" * 32 + b"]" * 32,
        b"[" * 2000 + b"]" * 2000,
    ],
    ids=lambda value: repr(value[:10]) if isinstance(value, bytes) else None,
)
def test_what_other_parsers_would_stumble_over_is_not_passed_on(
    kind: str, decode: Decode, valid: dict[str, Any], note: bytes
) -> None:
    """Also in unknown keys: events and statuses are passed on as they came."""
    text = dump(valid)[:-1]

    assert is_message(decode, text + b', "note": 1}')
    assert not is_message(decode, text + b', "note": ' + note + b"}")


def test_the_limits_of_nesting_and_length() -> None:
    """32 arrays and objects in each other, 300 digits in a row, 65 536 bytes; and no more."""
    text = dump(EVENT)

    assert is_message(decode_event, dump(EVENT | nested(32)))
    assert not is_message(decode_event, dump(EVENT | nested(33)))
    assert is_message(decode_event, dump(EVENT | {"more": [[] for _ in range(500)]}))
    assert is_message(decode_event, dump(EVENT | {"details": {"text": '[[[["{' * 100}}))
    assert is_message(decode_event, dump(EVENT | {"details": {"text": '\\"[' * 100}}))
    assert is_message(decode_event, dump(EVENT | {"details": {"n": 10**299}}))
    assert not is_message(decode_event, dump(EVENT | {"details": {"n": 10**300}}))
    assert MAX_MESSAGE_BYTES == 65_536
    assert is_message(decode_event, text + b" " * (MAX_MESSAGE_BYTES - len(text)))
    assert not is_message(decode_event, text + b" " * (MAX_MESSAGE_BYTES + 1 - len(text)))


def test_a_message_of_the_broker_may_be_larger() -> None:
    """Its status has all cameras; but it is not without a limit either."""
    status, control = dump(STATUS), dump(FROM_BROKER[0])
    for decode, text in ((decode_status_from_broker, status), (decode_from_broker, control)):
        assert is_message(decode, text + b" " * (MAX_BROKER_MESSAGE_BYTES - len(text)))
        assert not is_message(decode, text + b" " * (MAX_BROKER_MESSAGE_BYTES + 1 - len(text)))
    assert not is_message(decode_status, status + b" " * MAX_MESSAGE_BYTES)


@pytest.mark.parametrize("decode", DECODERS)
def test_refusals_are_sentences(decode: Decode) -> None:
    with pytest.raises(WireError, match=r"^not an? (control message|event|status): "):
        decode(b"{}")


def test_a_key_that_stands_twice_has_its_last_value() -> None:
    assert decode_to_broker(b'{"type":"credit","frames":1,"frames":2}') == Credit(2)


NAMES = st.sampled_from(("a", "0", "front-door", "a_b-", "z" * 64))
RUNS = st.integers(0, 2**64 - 1).map(lambda number: f"{number:016x}")
INT64 = st.integers(-(2**63), 2**63 - 1)
COUNT = st.integers(0, 2**63 - 1)
TEXT = st.text(st.characters(codec="utf-8"), max_size=30)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
DETAILS = st.recursive(
    st.none() | st.booleans() | INT64 | FINITE | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)
EVENTS = st.builds(
    Event,
    id=st.text(st.characters(codec="utf-8"), min_size=1, max_size=64),
    time=INT64,
    source=NAMES,
    kind=NAMES,
    state=st.sampled_from(("start", "update", "end")),
    camera=st.none() | NAMES,
    details=st.dictionaries(TEXT, DETAILS, max_size=4),
)
STATUSES = st.builds(
    Status,
    node=NAMES,
    kind=NAMES,
    time=INT64,
    state=TEXT,
    message=st.none() | TEXT,
    machine=st.none() | any_figures(MachineFigures),
    publisher=st.none() | any_figures(PublisherFigures),
    recorder=st.none() | any_figures(RecorderFigures),
    motion=st.none() | any_figures(MotionFigures),
    web=st.none() | any_figures(WebFigures),
    broker=st.none() | any_figures(BrokerFigures),
)
TO_BROKER_MESSAGES = st.one_of(
    st.builds(Hello, protocol=INT64, name=NAMES, kind=NAMES, session=RUNS, camfan=st.none() | TEXT),
    st.builds(
        Subscribe,
        cameras=st.lists(TEXT, max_size=4),
        mode=st.sampled_from(("latest", "every")),
        credit=st.integers(0, 64),
        max_fps=st.none() | st.floats(0.001, 1000),
        since=st.dictionaries(NAMES, st.builds(Position, RUNS, COUNT), max_size=3),
        since_time=st.none() | INT64,
        topics=st.lists(TEXT, max_size=4),
    ),
    st.builds(Credit, st.integers(1, 64)),
    st.builds(Probe, INT64),
)
FROM_BROKER_MESSAGES = st.one_of(
    st.builds(Welcome, protocol=INT64, site=TEXT, broker=TEXT, camfan=TEXT),
    st.builds(Ready, cameras=st.lists(TEXT, max_size=4)),
    st.builds(Refused, about=TEXT, reason=TEXT),
    st.builds(Echo, sent=INT64, received=INT64, replied=INT64, epoch=INT64),
    st.builds(Gap, camera=NAMES, run=RUNS, first=COUNT, last=st.none() | COUNT, reason=TEXT),
    st.builds(Reloaded, changed=st.lists(TEXT, max_size=4), problems=st.lists(TEXT, max_size=4)),
)


@given(EVENTS)
def test_an_event_comes_back_as_it_was(event: Event) -> None:
    encoded = messages.encode(event)

    assert decode_event(encoded) == event
    assert json.loads(encoded)["details"] == event.details


@given(STATUSES)
def test_a_status_comes_back_as_it_was(status: Status) -> None:
    encoded = messages.encode(status)

    assert decode_status(encoded) == status


@given(TO_BROKER_MESSAGES)
def test_a_message_to_the_broker_comes_back_as_it_was(message: messages.ToBroker) -> None:
    assert decode_to_broker(messages.encode(message)) == message


@given(FROM_BROKER_MESSAGES)
def test_a_message_from_the_broker_comes_back_as_it_was(message: messages.FromBroker) -> None:
    assert decode_from_broker(messages.encode(message)) == message


@given(st.sampled_from(DECODERS), st.binary(max_size=300))
def test_junk_is_refused_politely(decode: Decode, data: bytes) -> None:
    assert not is_message(decode, data)


@settings(max_examples=300)
@given(st.sampled_from(KINDS), st.data())
def test_a_damaged_message_is_read_or_refused(
    kind: tuple[str, Decode, dict[str, Any]], data: st.DataObject
) -> None:
    """Changed, cut or added to, a message is valid or not; if it is, other programs can read it."""
    _, decode, valid = kind
    damaged = dump(valid)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(damaged)))
        put = data.draw(
            st.binary(max_size=6) | st.sampled_from((b"null", b"[", b"1e999", b"9" * 400, b'"'))
        )
        damaged = damaged[:at] + put + damaged[at + data.draw(st.integers(0, 10)) :]

    if is_message(decode, damaged):
        json.loads(damaged)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@settings(max_examples=300)
@given(st.sampled_from(KEYS), JSON_VALUES)
def test_a_message_of_any_values_is_read_or_refused(
    key: tuple[str, Decode, dict[str, Any], str], value: object
) -> None:
    _, decode, valid, name = key

    is_message(decode, dump(valid | {name: value}))
