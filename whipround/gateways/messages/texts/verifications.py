"""The texts about a document that somebody has looked at."""

from whipround.gateways.messages.texts.source import Source

TEXTS = {
    "verification_decided": Source(
        subject="Your {{ type | document }} was {% if approved %}accepted{% else %}"
        "not accepted{% endif %}",
        mail="""\
{% if approved %}
Your {{ type | document }} was accepted: you are verified.
{% else %}
Your {{ type | document }} was not accepted.{% if reason %} {{ reason }}{% endif %}
{% endif %}
""",
        short="Your {{ type | document }} was {% if approved %}accepted: you are verified."
        "{% else %}not accepted.{% if reason %} {{ reason }}{% endif %}{% endif %}",
    ),
}
