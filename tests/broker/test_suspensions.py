"""A key that misbehaves is kept out, longer each time; whose handshake it was is presumed."""

from __future__ import annotations

from camfan_broker.access.admissions import EXPIRE_S, Admissions
from camfan_broker.access.suspensions import FIRST_S, FORGET_S, LONGEST_S, Suspensions

WHY = "keeps asking too much too fast"


class FakeClock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_each_offence_doubles_the_suspension() -> None:
    clock = FakeClock()
    suspensions = Suspensions(clock)
    lengths = []
    for _ in range(10):
        lengths.append(suspensions.suspend("anna/1", WHY))
        assert suspensions.holds("anna/1")
        clock.now += lengths[-1]
        assert not suspensions.holds("anna/1")
    assert lengths[:3] == [FIRST_S, 2 * FIRST_S, 4 * FIRST_S]
    assert lengths[-1] == LONGEST_S


def test_an_offence_while_suspended_changes_nothing() -> None:
    clock = FakeClock()
    suspensions = Suspensions(clock)
    suspensions.suspend("anna/1", WHY)
    clock.now += FIRST_S / 2
    assert suspensions.suspend("anna/1", WHY) == FIRST_S / 2


def test_what_is_suspended_is_listed_by_name() -> None:
    clock = FakeClock()
    suspensions = Suspensions(clock)
    suspensions.suspend("lab/1", WHY)
    suspensions.suspend("anna/1", WHY)
    suspensions.suspend("anna/2", WHY)
    clock.now += 20
    assert suspensions.current() == {"anna": (FIRST_S - 20, WHY), "lab": (FIRST_S - 20, WHY)}
    clock.now += FIRST_S - 20
    assert not suspensions.current()


def test_the_end_of_a_suspension_is_seen_once() -> None:
    """Of a name with two keys, when the last one has ended."""
    clock = FakeClock()
    suspensions = Suspensions(clock)
    suspensions.suspend("anna/1", WHY)
    clock.now += 1
    suspensions.suspend("anna/2", WHY)
    clock.now += FIRST_S - 1
    assert not suspensions.take_ended()
    clock.now += 1
    assert suspensions.take_ended() == {"anna"}
    assert not suspensions.take_ended()


def test_other_users_are_not_suspended() -> None:
    suspensions = Suspensions(FakeClock())
    suspensions.suspend("anna/1", WHY)
    assert not suspensions.holds("anna/2")


def test_old_offences_are_forgotten() -> None:
    clock = FakeClock()
    suspensions = Suspensions(clock)
    suspensions.suspend("anna/1", WHY)
    suspensions.suspend("anna/1", WHY)
    clock.now += FIRST_S + FORGET_S + 1
    assert suspensions.suspend("anna/1", WHY) == FIRST_S


def test_users_without_a_key_are_forgotten() -> None:
    suspensions = Suspensions(FakeClock())
    suspensions.suspend("anna/1", WHY)
    suspensions.keep({"lab/1"})
    assert not suspensions.holds("anna/1")


def test_the_only_user_of_an_address_is_presumed() -> None:
    admissions = Admissions(FakeClock())
    admissions.admit("10.0.0.1", "anna/1")
    admissions.admit("10.0.0.2", "lab/1")
    admissions.admit("10.0.0.1", "anna/1")
    assert admissions.take("10.0.0.1") == "anna/1"
    assert admissions.take("10.0.0.1") == "anna/1"
    assert admissions.take("10.0.0.1") is None
    assert admissions.take("10.0.0.2") == "lab/1"


def test_of_two_users_neither_is_presumed() -> None:
    """An honest key is never blamed for what another one from its address did."""
    admissions = Admissions(FakeClock())
    admissions.admit("10.0.0.1", "porch/1")
    admissions.admit("10.0.0.1", "anna/1")
    assert admissions.take("10.0.0.1") is None


def test_a_user_that_has_spoken_is_not_waited_for() -> None:
    admissions = Admissions(FakeClock())
    admissions.admit("10.0.0.1", "porch/1")
    admissions.spoken("10.0.0.1", "porch/1")
    admissions.admit("10.0.0.1", "anna/1")
    assert admissions.take("10.0.0.1") == "anna/1"


def test_an_answer_without_a_handshake_expires() -> None:
    clock = FakeClock()
    admissions = Admissions(clock)
    admissions.admit("10.0.0.1", "anna/1")
    clock.now += EXPIRE_S
    admissions.admit("10.0.0.1", "lab/1")
    assert admissions.take("10.0.0.1") == "lab/1"
