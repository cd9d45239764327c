"""The texts that let somebody prove an address, log in, or set a new password, by their token."""

from whipround.gateways.messages.texts.source import Source

# What is sent to an address that nobody has proven says nothing its sender could choose but a name.
TEXTS = {
    "email_confirmation": Source(
        subject="Confirm your email address",
        mail="""\
{{ name }} says that this is their email address. If that is you, open this page to confirm it:

{{ url }}

It is good for seven days. What was paid to this address goes to your account then. If it is not
you, do not open the page, and ignore this message.
""",
        short="Open this page to confirm your email address: {{ url }}",
    ),
    "login_link": Source(
        subject="{% if is_new %}Your new account{% else %}Your login link{% endif %}",
        mail="""\
{% if is_new %}
Somebody has signed up as {{ name }}, and says that this is their email address. If that was you,
log in with this token, in the app, to confirm it:
{% else %}
This token logs you in as {{ name }}, in the app, once:
{% endif %}

{{ token }}

This page says whether it is still good: {{ url }}

It is good for one day.{% if is_new %} What was paid to this address goes to your account then. If
it was not you, do not use it, and ignore this message.{% else %} If you did not ask for it, do not
pass it on to anybody.{% endif %}
""",
        short="{{ token }} logs you in as {{ name }}. Do not pass it on to anybody.",
    ),
    "email_id": Source(
        subject="Confirm your further email address",
        mail="""\
{{ name }} says that this is an email address of theirs, too. If that is you, confirm it with this
token, in the app:

{{ token }}

This page says whether it is still good: {{ url }}

It is good for seven days. What was paid to this address goes to your account then. If it is not
you, do not use it, and ignore this message.
""",
        short="{{ token }} confirms that this email address is yours.",
    ),
    "password_reset": Source(
        subject="Your new password",
        mail="""\
Somebody has asked for a new password for the account with this email address. This token lets
you set one, in the app:

{{ token }}

It is good for two hours. If you did not ask for it, do not pass it on to anybody: your password
stays as it is.
""",
        short="{{ token }} is the token for your new password. Do not pass it on to anybody.",
    ),
}
