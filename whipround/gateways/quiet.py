"""What libraries must not tell."""

import logging


def keep_addresses_out_of_logs(*libraries: str) -> None:
    """Have httpx, and whatever else makes requests, tell only of what is wrong.

    Beneath a warning they tell each address that is asked for, and with it what secrets are in it.
    """
    for name in ("httpx", *libraries):
        logging.getLogger(name).setLevel(logging.WARNING)
