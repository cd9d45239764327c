"""PINs lock, passwords take their time, secrets keep to their kind."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from argon2 import PasswordHasher
from hypothesis import given
from hypothesis import strategies as st

from tests.people import PIN, make_user
from whipround.db.database import Database
from whipround.domain.credentials import (
    FIRST_LOCK,
    PASSWORD_RUNS_AT_ONCE,
    PASSWORDS_WAITING,
    PIN_TRIES,
    InvalidPin,
    PasswordsBusy,
    PinState,
    UserLocked,
    check_pin,
    hash_password,
    judge_pin,
    new_code,
    new_secret,
    secret_digest,
    verify_password,
)
from whipround.domain.users import person
from whipround.keyring import Keyring

NOON = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
RIGHT, WRONG = b"right", b"wrong"
FRESH = PinState(RIGHT, 0, 0, None)


def _try(state: PinState, digest: bytes, *, times: int, at: datetime) -> PinState:
    for _ in range(times):
        state = judge_pin(state, digest, at).state
    return state


def test_right_pin_leaves_a_fresh_state_as_it_is() -> None:
    verdict = judge_pin(FRESH, RIGHT, NOON)

    assert verdict.error is None
    assert verdict.state is FRESH


def test_fifth_wrong_pin_locks_for_an_hour() -> None:
    before = _try(FRESH, WRONG, times=PIN_TRIES - 1, at=NOON)

    verdict = judge_pin(before, WRONG, NOON)

    assert before == PinState(RIGHT, 4, 0, None)
    assert isinstance(verdict.error, InvalidPin)
    assert verdict.state == PinState(RIGHT, 0, 1, NOON + FIRST_LOCK)


def test_right_pin_fails_while_locked_and_no_try_counts() -> None:
    locked = _try(FRESH, WRONG, times=PIN_TRIES, at=NOON)

    for digest in (RIGHT, WRONG):
        verdict = judge_pin(locked, digest, NOON + FIRST_LOCK - timedelta(microseconds=1))
        assert isinstance(verdict.error, UserLocked)
        assert verdict.state is locked


def test_each_further_lock_is_twice_as_long() -> None:
    state, at = FRESH, NOON

    for hours in (1, 2, 4, 8):
        state = _try(state, WRONG, times=PIN_TRIES, at=at)
        assert state.locked_until == at + timedelta(hours=hours)
        at = state.locked_until


def test_right_pin_forgets_failures_and_locks() -> None:
    locked = _try(FRESH, WRONG, times=PIN_TRIES, at=NOON)

    verdict = judge_pin(locked, RIGHT, NOON + FIRST_LOCK)

    assert verdict.error is None
    assert verdict.state == FRESH


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 7200)), max_size=60))
def test_never_more_than_five_guesses_between_locks(tries: list[tuple[bool, int]]) -> None:
    """Whatever is tried and when: a run of wrong PINs ends in a lock, and a lock lets none in."""
    state, at, run = FRESH, NOON, 0
    for right, pause in tries:
        at += timedelta(seconds=pause)
        locked = state.locked_until is not None and state.locked_until > at
        verdict = judge_pin(state, RIGHT if right else WRONG, at)
        assert (verdict.error is None) == (right and not locked)
        run = run if locked else 0 if right else run + 1
        if run == PIN_TRIES:
            assert verdict.state.locked_until is not None
            assert verdict.state.locked_until > at
            run = 0
        assert verdict.state.failures == run
        state = verdict.state


@pytest.mark.anyio
async def test_check_pin_counts_what_is_committed(
    db: Database, keyring: Keyring, now: datetime
) -> None:
    user = await make_user(db, keyring=keyring, now=now)

    errors = []
    for pin in ["9999"] * PIN_TRIES + [PIN]:
        async with db.transaction() as tx:
            errors.append(await check_pin(tx, user_id=user.id, pin=pin, keyring=keyring, now=now))

    assert [type(error) for error in errors] == [InvalidPin] * 5 + [UserLocked]
    async with db.transaction() as tx:
        found = await person.find(tx, user_id=user.id)
    assert found.status_at(now) == "locked"
    assert found.status_at(now + FIRST_LOCK) == "active"


@pytest.mark.anyio
async def test_concurrent_wrong_pins_are_all_counted(
    db: Database, keyring: Keyring, now: datetime
) -> None:
    user = await make_user(db, keyring=keyring, now=now)

    async def guess(pin: str) -> type[object]:
        async with db.transaction() as tx:
            return type(await check_pin(tx, user_id=user.id, pin=pin, keyring=keyring, now=now))

    errors = await asyncio.gather(*(guess(f"{pin:04}") for pin in range(20)))

    assert errors.count(InvalidPin) == PIN_TRIES
    assert errors.count(UserLocked) == 20 - PIN_TRIES


@pytest.mark.anyio
async def test_password_is_known_again() -> None:
    hashed = await hash_password("m0ney-p00l")

    assert hashed.startswith("$argon2id$")
    assert (await verify_password(hashed, "m0ney-p00l")).ok
    assert (await verify_password(hashed, "m0ney-p00l")).new_hash is None
    assert not (await verify_password(hashed, "m0ney-pool")).ok
    assert not (await verify_password(hashed, "x" * 1_000_000)).ok


@pytest.mark.anyio
async def test_password_may_be_typed_in_either_form_of_unicode() -> None:
    hashed = await hash_password("cafe\u0301s")

    assert (await verify_password(hashed, "caf\u00e9s")).ok


@pytest.mark.anyio
async def test_nobody_has_no_password() -> None:
    assert not (await verify_password(None, "")).ok
    assert not (await verify_password("not a hash", "m0ney-p00l")).ok


@pytest.mark.anyio
async def test_outdated_hash_is_replaced() -> None:
    weak = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("m0ney-p00l")

    verdict = await verify_password(weak, "m0ney-p00l")

    assert verdict.ok
    assert verdict.new_hash is not None
    assert (await verify_password(verdict.new_hash, "m0ney-p00l")).new_hash is None


@pytest.mark.anyio
async def test_only_so_many_wait_for_a_password_check() -> None:
    many = PASSWORD_RUNS_AT_ONCE + PASSWORDS_WAITING + 3

    outcomes = await asyncio.gather(
        *(verify_password("no hash", "any") for _ in range(many)), return_exceptions=True
    )

    assert [type(outcome) for outcome in outcomes].count(PasswordsBusy) == 3
    assert (await hash_password("again")).startswith("$argon2id$")


def test_secrets_keep_to_their_kind() -> None:
    token, session = new_secret("wat"), new_secret("wst")

    assert token != new_secret("wat")
    assert len(token.removeprefix("wat_")) == 43  # 256 bits in base 64
    assert secret_digest("wat", token) is not None
    assert secret_digest("wst", token) is None
    assert secret_digest("wat", session) is None
    assert secret_digest("wst", "wst_ÿ") is not None


def test_codes_are_six_digits() -> None:
    codes = {new_code() for _ in range(1000)}

    assert all(len(code) == 6 and code.isdigit() for code in codes)
    assert len(codes) > 900


def test_pin_digests_differ_between_users(keyring: Keyring) -> None:
    assert keyring.pin(UUID(int=1), PIN) != keyring.pin(UUID(int=2), PIN)
