"""The texts that let somebody prove an address, or set a new password, by a token in them."""

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
