"""The secret key that is not in the database, and the keyed digests made with it.

Each purpose has a key of its own, derived from the one in the key file, so that a digest made for
one purpose says nothing about another.
"""

import hashlib
import hmac
import os
import secrets
from pathlib import Path
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
_NONCE_BYTES = 12


class KeyFileError(Exception):
    """The secret key is missing or malformed."""


class SealBroken(Exception):
    """What was to be opened was sealed with another key, for another object, or was changed."""


class Keyring:
    """Keyed digests (HMAC-SHA-256, 32 bytes each), and seals that keep a secret readable to us."""

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise KeyFileError("the secret key must be 64 hexadecimal digits")
        self._root = key
        # Begun once and copied for each digest: setting up the key takes most of the time.
        self._pin, self._fingerprint, self._code, self._throttle, self._picture, self._password = (
            hmac.new(self._derive(purpose), digestmod=hashlib.sha256)
            for purpose in ("pin", "fingerprint", "code", "throttle", "picture", "password")
        )
        self._preview = hmac.new(self._derive("preview"), digestmod=hashlib.sha256)
        self._seal = AESGCM(self._derive("seal"))

    @classmethod
    def from_hex(cls, text: str) -> "Keyring":
        """The keyring of a key written as 64 hexadecimal digits; KeyFileError if it is not."""
        try:
            return cls(bytes.fromhex(text.strip()))
        except ValueError as error:
            raise KeyFileError("the secret key must be 64 hexadecimal digits") from error

    @classmethod
    def read(cls, path: Path) -> "Keyring":
        """The keyring of a key file; KeyFileError if there is none."""
        try:
            return cls.from_hex(path.read_text(encoding="ascii"))
        except (OSError, UnicodeDecodeError) as error:
            raise KeyFileError(f"the key file {path} cannot be read") from error

    @classmethod
    def create(cls, path: Path) -> "Keyring":
        """Make a key file, readable by its owner only. An existing one is never overwritten.

        It is there as a whole or not at all. Raises FileExistsError, and other OSErrors.
        """
        key = secrets.token_bytes(KEY_BYTES)
        draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
        draft.touch(mode=0o600, exist_ok=False)
        try:
            with draft.open("w", encoding="ascii") as file:
                file.write(key.hex() + "\n")
                file.flush()
                os.fsync(file.fileno())
            path.hardlink_to(draft)
        finally:
            draft.unlink()
        return cls(key)

    def check(self) -> bytes:
        """A digest that tells whether a database belongs to this key."""
        return self._derive("check")

    def pin(self, user_id: UUID, pin: str) -> bytes:
        """What is stored of a user's PIN."""
        return _digest(self._pin, user_id.bytes + pin.encode())

    def code(self, object_id: UUID, code: str) -> bytes:
        """What is stored of a one-time code sent for a verification or a login."""
        return _digest(self._code, object_id.bytes + code.encode())

    def fingerprint(self, request: bytes) -> bytes:
        """What is stored to know a request again; a plain hash would be a codebook for PINs."""
        return _digest(self._fingerprint, request)

    def throttle(self, kind: str, subject: str) -> bytes:
        """What is stored of whom a limit counts against."""
        return _digest(self._throttle, f"{kind}\0{subject}".encode())

    def picture(self, what: bytes) -> bytes:
        """What makes the public name of a picture one that nobody can guess."""
        return _digest(self._picture, what)

    def password(self, user_id: UUID, password_hash: str, password: str) -> bytes:
        """By what it is known for a while that a password was found to be right for a hash."""
        message = f"{password_hash}\0{password}".encode(errors="surrogatepass")
        return _digest(self._password, user_id.bytes + message)

    def preview(self, shown: bytes) -> bytes:
        """What somebody says to confirm what they were shown, and can say of nothing else."""
        return _digest(self._preview, shown)

    def seal(self, object_id: UUID, secret: str) -> bytes:
        """What is stored of a secret that is needed again, such as a card's token."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._seal.encrypt(nonce, secret.encode(), object_id.bytes)

    def unseal(self, object_id: UUID, sealed: bytes) -> str:
        """The secret of the object that was sealed. Raises SealBroken."""
        nonce, secret = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        try:
            return self._seal.decrypt(nonce, secret, object_id.bytes).decode()
        except InvalidTag as error:
            raise SealBroken from error

    def _derive(self, purpose: str) -> bytes:
        return hmac.digest(self._root, f"whipround {purpose}".encode(), hashlib.sha256)


def _digest(keyed: hmac.HMAC, message: bytes) -> bytes:
    """The HMAC of a message, from one that has taken in the key only."""
    mac = keyed.copy()
    mac.update(message)
    return mac.digest()
