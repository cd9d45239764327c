"""The texts that carry a code."""

from whipround.gateways.messages.texts.source import Source

TEXTS = {
    "verification_code": Source(
        subject="Your verification code",
        mail="""\
Your verification code is {{ code }}.

It is good for ten minutes. If you did not ask for it, you can ignore this message.
""",
        short="{{ code }} is your verification code. It is good for ten minutes.",
        call="Your verification code is: {{ code | spoken }}. Once more: {{ code | spoken }}.",
    ),
    "login_code": Source(
        subject="Your login code",
        mail="""\
Your login code is {{ code }}.

It is good for ten minutes. If you are not logging in right now, somebody else is trying to:
do not pass this code on to anybody.
""",
        short="{{ code }} is your login code. Do not pass it on to anybody.",
        call="Your login code is: {{ code | spoken }}. Once more: {{ code | spoken }}.",
    ),
    "funding_source_code": Source(
        subject="The code of your funding source",
        mail="""\
The code of your funding source is {{ code }}.
""",
        # Banks print 22 characters.
        short="Whipround code {{ code }}",
        call="The code of your funding source is: {{ code | spoken }}.",
    ),
}
