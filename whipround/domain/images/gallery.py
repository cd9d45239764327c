"""Where pictures are seen: their public addresses, which nobody can guess.

A picture is served to whoever knows its name, which is a keyed digest of the picture's id. The name
of a group picture says whose faces are in it, so that it can be made when it is first asked for.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator, Sequence
from functools import lru_cache
from hmac import compare_digest
from typing import Literal, NamedTuple
from unicodedata import normalize
from uuid import UUID
from zlib import crc32

from whipround.keyring import Keyring

Rendition = Literal["ui", "full", "thumbnail"]
"""Cropped for a page; whole, for a screen; cropped and small."""

MOST_FACES = 4
"""How many of a group are in its picture."""

GROUPS = "groups"
"""What the names of group pictures begin with."""

_MARK_BYTES = 16
_ID_BYTES = 16


class Face(NamedTuple):
    """Somebody in a group picture: their own picture, else what they are called."""

    name: str
    image_id: UUID | None = None


class Drawn(NamedTuple):
    """A face as it is drawn: a picture, else initials (perhaps none) on the colour of a number."""

    image_id: UUID | None
    initials: str
    colour: int


class Group(NamedTuple):
    """A group picture: an id, and the name by which it is asked for."""

    id: UUID
    name: str


class Gallery:
    """The addresses of all pictures of an installation; `public_url` is what they begin with."""

    def __init__(self, public_url: str, keyring: Keyring) -> None:
        self._base = public_url.rstrip("/") + "/images"
        self._keyring = keyring

    def name(self, image_id: UUID) -> str:
        """The name of a picture: 32 hexadecimal digits."""
        return self._keyring.picture(image_id.bytes)[:_MARK_BYTES].hex()

    def url(self, name: str, rendition: Rendition) -> str:
        """The address of a picture of this name."""
        return f"{self._base}/{name}/{rendition}.jpg"

    def group(self, faces: Sequence[Face]) -> Group:
        """The group picture of the first four faces, always the same for the same ones."""
        content = b"".join([_packed(face) for face in faces[:MOST_FACES]])
        mark = self._mark(content)
        return Group(UUID(bytes=mark, version=5), f"{GROUPS}/{_encoded(mark + content)}")

    def faces(self, name: str) -> list[Drawn] | None:
        """Who is in the group picture that `group` gave this name; None for any other name."""
        folder, _, encoded = name.partition("/")
        try:
            packed = urlsafe_b64decode(encoded + "==")
        except ValueError:
            return None
        # What is no base64 in it was left out: nothing has two names.
        if folder != GROUPS or _encoded(packed) != encoded:
            return None
        mark, content = packed[:_MARK_BYTES], packed[_MARK_BYTES:]
        return list(_unpacked(content)) if compare_digest(mark, self._mark(content)) else None

    def _mark(self, content: bytes) -> bytes:
        return self._keyring.picture(b"group" + content)[:_MARK_BYTES]


def _encoded(packed: bytes) -> str:
    return urlsafe_b64encode(packed).rstrip(b"=").decode("ascii")


# A face is a zero and an id, or else how many bytes follow: a colour, and initials.


def _packed(face: Face) -> bytes:
    if face.image_id is not None:
        return b"\0" + face.image_id.bytes
    return _lettered(face.name)


@lru_cache(maxsize=10_000)
def _lettered(name: str) -> bytes:
    initials = _initials(name).encode("ascii")
    return bytes([1 + len(initials), crc32(name.encode()) & 0xFF]) + initials


def _unpacked(content: bytes) -> Iterator[Drawn]:
    while content:
        if length := content[0]:
            yield Drawn(None, content[2 : 1 + length].decode("ascii"), content[1])
        else:
            length = _ID_BYTES
            yield Drawn(UUID(bytes=content[1 : 1 + length]), "", 0)
        content = content[1 + length :]


def _initials(name: str) -> str:
    """The first letters of the first and of the last word of a name, in capitals.

    Without accents, and Latin ones only, as there is no font for others; perhaps none.
    """
    plain = name if name.isascii() else normalize("NFKD", name)
    letters = [word[0].upper() for word in plain.split() if word[0].isalpha()]
    initials = "".join([*letters[:1], *letters[1:][-1:]])
    return initials if initials.isascii() else ""
