"""Proving a profile: send somebody to its site, then ask the site who has come back.

The site is asked while no transaction is open. What it says is written down at once, and a state
is used up before: so whatever is cut off in between, the worst is to have to begin anew.
"""

import logging
import secrets
from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from whipround.db.database import Database
from whipround.domain import profile_proofs
from whipround.errors import Invalid, Message, Unavailable
from whipround.gateways.oauth.protocol import CodeRefused, Provider, ProviderUnavailable
from whipround.keyring import Keyring

logger = logging.getLogger(__name__)


class SiteOutOfReach(Unavailable):
    """The site cannot be asked right now: ask for another address to begin anew."""


async def begin(
    db: Database,
    providers: Mapping[str, Provider],
    *,
    provider: str,
    user_id: UUID,
    keyring: Keyring,
    now: datetime,
    limit_multiplier: int = 1,
) -> str:
    """The address to send the user to (Mobbr, `oauth_url`); without a host it is one of ours.

    Raises Invalid for a `provider` where nothing can be proven; Throttled.
    """
    site = _site(providers, provider)
    verifier = secrets.token_urlsafe(32)
    async with db.transaction() as tx:
        state = await profile_proofs.begin(
            tx,
            user_id=user_id,
            provider=provider,
            verifier=verifier,
            keyring=keyring,
            now=now,
            limit_multiplier=limit_multiplier,
        )
    return site.address(state=state, verifier=verifier)


async def finish(
    db: Database,
    providers: Mapping[str, Provider],
    *,
    provider: str,
    code: str,
    state: str,
    user_id: UUID,
    keyring: Keyring,
    now: datetime,
) -> str:
    """The profile that the user has proven to be theirs, with what waits for it (`oauth_id`).

    `code` and `state` are what they came back with. Raises Invalid where one of them is of no use,
    or for a `provider` where nothing can be proven; SiteOutOfReach.
    """
    site = _site(providers, provider)
    async with db.transaction() as tx:
        verifier = await profile_proofs.take(
            tx, user_id=user_id, provider=provider, state=state, keyring=keyring, now=now
        )
    try:
        url = await site.profile(code=code, verifier=verifier)
    except CodeRefused as error:
        predicate = Message("is invalid")
        message = "Code is unknown, has been used or has expired: ask for another address"
        raise Invalid.field("code", "invalid", message, predicate) from error
    except ProviderUnavailable as error:
        logger.warning("%s cannot be asked whose a profile is: %s", provider, error)
        raise SiteOutOfReach from error
    async with db.transaction() as tx:
        await profile_proofs.prove(tx, user_id=user_id, url=url, now=now)
    return url


def _site(providers: Mapping[str, Provider], provider: str) -> Provider:
    """Raises Invalid."""
    site = providers.get(provider)
    if site is None:
        predicate = Message("is not one where profiles can be proven")
        message = "Provider is not one where profiles can be proven"
        raise Invalid.field("provider", "unsupported", message, predicate)
    return site
