"""The texts about payments that a script divides: shares that wait, and pledges."""

from collections.abc import Mapping

from whipround.gateways.messages.texts.source import Source

# What is sent to an address that nobody has proven says nothing its sender could choose but names:
# the payer's, and that of what is paid for, both short and without anything to follow.
TEXTS: Mapping[str, Source] = {
    "share_waiting": Source(
        subject="{{ payer }} sent you {{ money }}",
        mail="""\
{{ payer }} sent you {{ money }}{% if title %} for “{{ title }}”{% endif %}.

Open this page to receive it{% if expires %} before {{ expires }}{% endif %}:

{{ url }}

Whoever has that address can receive it: do not pass it on to anybody. If you do not want it, ignore
this message: the money goes back by itself.
""",
        short="{{ payer }} sent you {{ money }}{% if title %} for “{{ title }}”{% endif %}."
        " Sign up with this number to receive it{% if expires %} before {{ expires }}{% endif %}.",
    ),
    "share_claimed": Source(
        subject="{{ recipient }} received your {{ money }}",
        mail="""\
{{ recipient }} has received the {{ money }} you sent.
{% if description %}

{{ description }}
{% endif %}
""",
        short="{{ recipient }} has received the {{ money }} you sent.",
    ),
    "shares_returned": Source(
        subject="{{ money }} returned to you",
        mail="""\
Not all whom you have paid together have claimed their shares, so {{ money }} are back in your
wallet.
{% if description %}

{{ description }}
{% endif %}
""",
        short="Not all whom you have paid together have claimed their shares:"
        " {{ money }} are back in your wallet.",
    ),
    "pledge_revoked": Source(
        subject="{{ payer }} has revoked a pledge of {{ money }}",
        mail="""\
{{ payer }} has revoked a pledge of {{ money }} to something you take part in.
{% if description %}

{{ description }}
{% endif %}
""",
        short="{{ payer }} has revoked a pledge of {{ money }}"
        "{% if description %} to: {{ description }}{% endif %}",
    ),
    "pledge_expired": Source(
        subject="{{ money }} returned to you",
        mail="""\
Nobody has claimed what you pledged, so the {{ money }} are back in your wallet.
{% if description %}

{{ description }}
{% endif %}
""",
        short="Nobody has claimed the {{ money }} you pledged: the money is back in your wallet.",
    ),
}
