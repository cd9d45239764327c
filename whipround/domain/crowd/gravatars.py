"""The digests by which answers show what people look like (Mobbr, Create payment: `.gravatar`)."""

import hashlib

_MAILTO = "mailto:"


def gravatar(recipient: str, *, email: str | None = None) -> str:
    """The MD5 digest, in hexadecimal, that Gravatar knows a picture by.

    It is that of the email address: of one that the person has proven, else of the one that they
    are paid at; who is paid otherwise gets one of the `recipient`, the id in its normal form, which
    tells them apart.
    """
    said = email or recipient.removeprefix(_MAILTO)
    return hashlib.md5(said.lower().encode(), usedforsecurity=False).hexdigest()
