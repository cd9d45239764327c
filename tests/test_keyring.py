"""The key file, and what is digested with the key in it."""

from pathlib import Path
from uuid import UUID

import pytest

from whipround.keyring import KEY_BYTES, KeyFileError, Keyring, SealBroken

ONE, OTHER = UUID(int=1), UUID(int=2)


def test_a_key_file_is_made_for_its_owner_only_and_read_again(tmp_path: Path) -> None:
    path = tmp_path / "secret.key"

    made = Keyring.create(path)
    read = Keyring.read(path)

    assert path.stat().st_mode & 0o777 == 0o600
    assert len(path.read_text().strip()) == 2 * KEY_BYTES
    assert made.check() == read.check()
    assert made.pin(ONE, "1234") == read.pin(ONE, "1234")


def test_two_key_files_are_never_the_same(tmp_path: Path) -> None:
    one, other = Keyring.create(tmp_path / "one"), Keyring.create(tmp_path / "other")

    assert one.check() != other.check()
    assert one.pin(ONE, "1234") != other.pin(ONE, "1234")


def test_an_existing_key_file_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "secret.key"
    Keyring.create(path)
    before = path.read_bytes()

    with pytest.raises(FileExistsError):
        Keyring.create(path)

    assert path.read_bytes() == before


def test_a_key_is_taken_with_blanks_around_it_and_in_capitals() -> None:
    key = bytes(range(KEY_BYTES))

    assert Keyring.from_hex(f" {key.hex().upper()}\n").check() == Keyring(key).check()


@pytest.mark.parametrize("text", ["", "ab", "00" * (KEY_BYTES - 1), "00" * 33, "zz" * KEY_BYTES])
def test_a_malformed_key_is_refused_and_not_shown(text: str) -> None:
    with pytest.raises(KeyFileError, match="64 hexadecimal digits") as caught:
        Keyring.from_hex(text)

    assert not text or text not in str(caught.value)


@pytest.mark.parametrize("content", [None, b"", b"\xff" * 64, b"not a key"])
def test_a_key_file_that_is_none(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "secret.key"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(KeyFileError):
        Keyring.read(path)


def test_a_folder_is_no_key_file(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="cannot be read"):
        Keyring.read(tmp_path)


def test_each_purpose_and_each_object_has_digests_of_its_own(keyring: Keyring) -> None:
    digests = [
        keyring.check(),
        keyring.pin(ONE, "1234"),
        keyring.pin(OTHER, "1234"),
        keyring.pin(ONE, "1235"),
        keyring.code(ONE, "1234"),
        keyring.fingerprint(ONE.bytes + b"1234"),
        keyring.fingerprint(b""),
        keyring.throttle("login", "john"),
        keyring.throttle("log", "injohn"),
        keyring.throttle("sign-up", "john"),
    ]

    assert len(set(digests)) == len(digests)
    assert all(len(digest) == 32 for digest in digests)


def test_digests_of_a_key_never_change() -> None:
    # They are stored: what changes them locks everybody out.
    keyring = Keyring(bytes(range(KEY_BYTES)))

    assert keyring.check().hex()[:16] == "b9f38ab789271c39"
    assert keyring.pin(ONE, "1234").hex()[:16] == "c48e4b408890c061"
    assert keyring.code(ONE, "123456").hex()[:16] == "0283cff0d897e59c"
    assert keyring.fingerprint(b"request").hex()[:16] == "88a97ad65778ac75"
    assert keyring.throttle("login", "john").hex()[:16] == "af32367519c4f3f8"


def test_the_key_is_not_shown(keyring: Keyring) -> None:
    assert bytes(range(KEY_BYTES)).hex() not in repr(keyring)


def test_a_key_file_is_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: int) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr("os.fsync", fail)

    with pytest.raises(OSError, match="full"):
        Keyring.create(tmp_path / "secret.key")

    assert list(tmp_path.iterdir()) == []


def test_what_is_sealed_is_opened_for_its_object_alone(keyring: Keyring) -> None:
    sealed = keyring.seal(ONE, "tok_of_a_card")

    assert b"tok_of_a_card" not in sealed
    assert keyring.unseal(ONE, sealed) == "tok_of_a_card"
    for object_id, changed in ((OTHER, sealed), (ONE, sealed[:-1] + bytes([sealed[-1] ^ 1]))):
        with pytest.raises(SealBroken):
            keyring.unseal(object_id, changed)


def test_the_same_secret_is_sealed_differently_each_time(keyring: Keyring) -> None:
    assert keyring.seal(ONE, "tok_of_a_card") != keyring.seal(ONE, "tok_of_a_card")
