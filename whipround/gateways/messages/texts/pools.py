"""The texts about pools."""

from whipround.gateways.messages.texts.source import Source

# Whoever an export is sent to may have nothing to do with anybody here: its mail says nothing that
# its sender could choose but a name.
TEXTS = {
    "pool_invited": Source(
        subject="{{ owner }} invited you to a money pool",
        mail="""\
{{ owner }} invited you to contribute to a money pool.

{{ description }}
""",
        short="{{ owner }} invited you to contribute to: {{ description }}",
    ),
    "pool_contribution": Source(
        subject="{{ payer }} contributed {{ money }} to your money pool",
        mail="""\
{{ payer }} contributed {{ money }} to your money pool.

{{ description }}
""",
        short="{{ payer }} contributed {{ money }} to: {{ description }}",
    ),
    "pool_rejected": Source(
        subject="{{ participant }} will not contribute to your money pool",
        mail="""\
{{ participant }} has declined your invitation to a money pool.

{{ description }}
""",
        short="{{ participant }} will not contribute to: {{ description }}",
    ),
    "pool_cash_ordered": Source(
        subject="Pay {{ money }} in cash",
        mail="""\
Pay {{ money }} at a shop{% if expires %} before {{ expires }}{% endif %}, with this reference:

{{ reference }}

The money goes into a money pool.

{{ description }}
""",
        short="Pay {{ money }} at a shop with the reference {{ reference }}"
        "{% if expires %} before {{ expires }}{% endif %} to contribute to: {{ description }}",
    ),
    "pool_closed": Source(
        subject="A money pool was closed",
        mail="""\
A money pool that you have to do with was closed, with {{ money }} in it.

{{ description }}
""",
        short="This money pool was closed, with {{ money }} in it: {{ description }}",
    ),
    "pool_paid_out": Source(
        subject="Your money pool has ended with {{ money }}",
        mail="""\
The time of your money pool is over. It is closed now, and the {{ money }} in it were paid out
to you.

{{ description }}
""",
        short="Your money pool has ended, and {{ money }} were paid out to you: {{ description }}",
    ),
    "pool_export": Source(
        subject="The participants of a money pool",
        mail="""\
{{ owner }} has asked for this list of the participants of a money pool to be sent to you.
""",
        short="{{ owner }} has asked for a list of participants to be sent to you.",
    ),
}
