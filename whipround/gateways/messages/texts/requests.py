"""The texts about requests for money."""

from collections.abc import Mapping

from whipround.gateways.messages.texts.source import Source

# What is sent to a number that nobody has proven says nothing its sender could choose but a name.
TEXTS: Mapping[str, Source] = {
    "request_received": Source(
        subject="{{ owner }} asks you for {{ money }}",
        mail="""\
{{ owner }} asks you for {{ money }}.
{% if description %}

{{ description }}
{% endif %}
""",
        short="{{ owner }} asks you for {{ money }}"
        "{% if description %}: {{ description }}{% endif %}",
    ),
    "request_waiting": Source(
        subject="{{ owner }} asks you for {{ money }}",
        mail="""\
{{ owner }} asks you for {{ money }}.

Sign up with this address to see what for, and to pay.
""",
        short="{{ owner }} asks you for {{ money }}."
        " Sign up with this number to see what for, and to pay.",
    ),
    "request_reminder": Source(
        subject="{{ owner }} still asks you for {{ money }}",
        mail="""\
{{ owner }} reminds you that you are asked for {{ money }}.
{% if description %}

{{ description }}
{% endif %}
""",
        short="{{ owner }} reminds you that you are asked for {{ money }}"
        "{% if description %}: {{ description }}{% endif %}",
    ),
    "request_paid": Source(
        subject="{{ payer }} paid you the {{ money }} you asked for",
        mail="""\
{{ payer }} paid you the {{ money }} you asked for.
{% if description %}

{{ description }}
{% endif %}
""",
        short="{{ payer }} paid you the {{ money }} you asked for"
        "{% if description %}: {{ description }}{% endif %}",
    ),
    "request_rejected": Source(
        subject="{{ participant }} will not pay the {{ money }} you asked for",
        mail="""\
{{ participant }} has rejected your request and will not pay the {{ money }} you asked for.
{% if description %}

{{ description }}
{% endif %}
""",
        short="{{ participant }} will not pay the {{ money }} you asked for"
        "{% if description %}: {{ description }}{% endif %}",
    ),
    "request_settled": Source(
        subject="You need not pay {{ owner }} {{ money }} any more",
        mail="""\
{{ owner }} says that you have paid the {{ money }} you were asked for.
{% if description %}

{{ description }}
{% endif %}
""",
        short="{{ owner }} says that you have paid the {{ money }} you were asked for"
        "{% if description %}: {{ description }}{% endif %}",
    ),
    "request_cancelled": Source(
        subject="{{ owner }} does not ask you for {{ money }} any more",
        mail="""\
{{ owner }} does not ask you for {{ money }} any more.
{% if description %}

{{ description }}
{% endif %}
""",
        short="{{ owner }} does not ask you for {{ money }} any more"
        "{% if description %}: {{ description }}{% endif %}",
    ),
}
