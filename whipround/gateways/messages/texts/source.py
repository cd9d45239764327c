"""What a text is made of."""

from dataclasses import dataclass

from whipround.db.outbox import Channel


@dataclass(frozen=True, slots=True)
class Source:
    """The Jinja2 sources of one kind of message, in English; each is one entry of the catalogs.

    `short` is for a phone and for a statement, `call` to be read aloud.
    """

    subject: str
    mail: str
    short: str
    call: str = ""

    def body(self, channel: Channel) -> str:
        """What a message on that channel is made of."""
        if channel == "email":
            return self.mail
        return self.call or self.short if channel == "call" else self.short
