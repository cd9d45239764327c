"""The texts about payments: what was paid, claimed, returned, refunded, added and paid out."""

from whipround.gateways.messages.texts.source import Source

# What is sent to an address that nobody has proven says nothing its sender could choose but a name.
TEXTS = {
    "payment_received": Source(
        subject="{{ payer }} paid you {{ money }}",
        mail="""\
{{ payer }} paid you {{ money }}.
{% if description %}

{{ description }}
{% endif %}

The money is in your wallet.
""",
        short="{{ payer }} paid you {{ money }}{% if description %}: {{ description }}{% endif %}",
    ),
    "payment_waiting": Source(
        subject="{{ payer }} sent you {{ money }}",
        mail="""\
{{ payer }} sent you {{ money }}.

Sign up with this address to receive it{% if expires %} before {{ expires }}{% endif %}.
""",
        short="{{ payer }} sent you {{ money }}."
        " Sign up with this number to receive it{% if expires %} before {{ expires }}{% endif %}.",
    ),
    "payment_claimed": Source(
        subject="{{ recipient }} received your {{ money }}",
        mail="""\
{{ recipient }} has signed up and received the {{ money }} you sent.
{% if description %}

{{ description }}
{% endif %}
""",
        short="{{ recipient }} has signed up and received the {{ money }} you sent.",
    ),
    "payment_returned": Source(
        subject="{{ money }} returned to you",
        mail="""\
{{ recipient }} has not claimed the {{ money }} you sent, so the money is back in your wallet.
{% if description %}

{{ description }}
{% endif %}
""",
        short="{{ recipient }} has not claimed the {{ money }} you sent:"
        " the money is back in your wallet.",
    ),
    "payment_failed": Source(
        subject="{{ money }} could not be paid to {{ recipient }}",
        mail="""\
Your payment of {{ money }} to {{ recipient }} did not go through: your card or your bank has
declined it. Nothing was taken.
{% if description %}

{{ description }}
{% endif %}
""",
        short="Your payment of {{ money }} to {{ recipient }} was declined. Nothing was taken.",
    ),
    "payment_refunded": Source(
        subject="{{ recipient }} gave you back {{ money }}",
        mail="""\
{{ recipient }} gave you back {{ money }} of what you paid.
{% if description %}

{{ description }}
{% endif %}

The money {% if to_wallet %}is in your wallet{% else %}goes to where you paid from{% endif %}.
""",
        short="{{ recipient }} gave you back {{ money }}"
        "{% if description %}: {{ description }}{% endif %}",
    ),
    "top_up_done": Source(
        subject="{{ money }} added to your wallet",
        mail="""\
Your top-up has gone through: {{ money }} is in your wallet.
""",
        short="Your top-up has gone through: {{ money }} is in your wallet.",
    ),
    "cash_paid": Source(
        subject="Your cash has arrived: {{ money }}",
        mail="""\
The {{ money }} you paid in cash were contributed to a money pool.

{{ description }}
""",
        short="The {{ money }} you paid in cash were contributed to: {{ description }}",
    ),
    "cash_returned": Source(
        subject="Your cash is in your wallet: {{ money }}",
        mail="""\
The {{ money }} you paid in cash could not be contributed to this money pool any more. They are in
your wallet.

{{ description }}
""",
        short="The {{ money }} you paid in cash are in your wallet, as they could not be"
        " contributed any more to: {{ description }}",
    ),
    "withdrawal_paid": Source(
        subject="{{ money }} paid out",
        mail="""\
Your withdrawal of {{ money }} has been paid out to your bank account.
{% if description %}

{{ description }}
{% endif %}
""",
        short="Your withdrawal of {{ money }} has been paid out to your bank account.",
    ),
    "withdrawal_failed": Source(
        subject="{{ money }} could not be paid out",
        mail="""\
Your withdrawal of {{ money }} did not reach your bank account, so the money is back in your wallet.
{% if description %}

{{ description }}
{% endif %}
""",
        short="Your withdrawal of {{ money }} did not reach your bank account:"
        " the money is back in your wallet.",
    ),
}
