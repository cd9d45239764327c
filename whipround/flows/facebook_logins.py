"""Logging in with Facebook: ask it whose a token is, then let them in.

Facebook is asked while no transaction is open.
"""

import logging
from collections.abc import Sequence
from datetime import datetime

from whipround.db.database import Database
from whipround.domain import external_logins, throttles
from whipround.domain.external_logins import Identity, LoggedIn
from whipround.domain.throttles import Charge
from whipround.errors import Unauthenticated, Unavailable
from whipround.gateways.facebook.protocol import (
    Facebook,
    FacebookUnavailable,
    NotConfigured,
    TokenRefused,
)
from whipround.keyring import Keyring

logger = logging.getLogger(__name__)


class FacebookTokenRefused(Unauthenticated):
    """The Facebook token is unknown, expired, or not for this app."""


class FacebookNotSetUp(Unavailable):
    """Logging in with Facebook is not set up here."""


class FacebookOutOfReach(Unavailable):
    """Facebook cannot be asked right now; it is safe to repeat this request."""


async def log_in(
    db: Database,
    facebook: Facebook,
    *,
    oauth_token: str,
    locale: str,
    confirmation_url: str,
    currencies: Sequence[str],
    address: str,
    keyring: Keyring,
    now: datetime,
    limit_multiplier: int = 1,
) -> LoggedIn:
    """Log in whoever Facebook gave the token to, by our app (Moneypool, Facebook Login).

    As `external_logins.log_in`, which makes a user at the first time. Raises FacebookTokenRefused,
    ExternalLoginRefused, FacebookNotSetUp, FacebookOutOfReach, Throttled.
    """
    await throttles.charge_apart(
        db,
        [Charge(throttles.LOGINS_PER_ADDRESS, address)],
        keyring=keyring,
        now=now,
        multiplier=limit_multiplier,
    )
    try:
        found = await facebook.person(oauth_token, now=now)
    except TokenRefused as error:
        raise FacebookTokenRefused from error
    except NotConfigured as error:
        raise FacebookNotSetUp from error
    except FacebookUnavailable as error:
        logger.warning("Facebook cannot be asked: %s", error)
        raise FacebookOutOfReach from error
    return await external_logins.log_in(
        db,
        identity=Identity("facebook", found.id, found.name, found.email),
        locale=locale,
        confirmation_url=confirmation_url,
        currencies=currencies,
        address=address,
        keyring=keyring,
        now=now,
        limit_multiplier=limit_multiplier,
    )
