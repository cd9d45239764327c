"""Email addresses, by their form: nothing is asked about them."""

from email_validator import EmailNotValidError, validate_email

LONGEST = 254


def normalised(text: str) -> str | None:
    """An address as it is stored, in lower case and ASCII; None for what is no address."""
    if len(text) > LONGEST:
        return None
    try:
        # Reserved names ("test") are let through: nobody receives mail there, and tests use them.
        address = validate_email(
            text, check_deliverability=False, allow_smtputf8=False, test_environment=True
        )
    except EmailNotValidError:
        return None
    return (address.ascii_email or address.normalized).lower()
