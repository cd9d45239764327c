"""What the handlers about people share: how a user is answered to themselves."""

import msgspec

from whipround.api.context import Call
from whipround.api.moneypool.call import CURRENCY
from whipround.api.moneypool.shapes import people as shapes
from whipround.api.shapes import encode
from whipround.db.database import Tx
from whipround.db.request_keys import Answer
from whipround.domain.funding import clabe
from whipround.domain.funding.wallet import wallet_holds
from whipround.domain.users.person import User


async def oneself(tx: Tx, call: Call, user: User, *, token: str) -> shapes.UserAnswer:
    """A user as they see themselves; `token` is the one they call with."""
    return shapes.oneself(
        user,
        token=token,
        wallet=await wallet_holds(tx, user_id=user.id, currency=CURRENCY),
        clabe=await clabe.of(tx, user_id=user.id),
        gallery=call.gallery,
    )


def with_token(answer: Answer, token: str) -> Answer:
    """An answer that is a user, made without a token as no token is to be kept, with this one."""
    if answer.status >= 300:
        return answer
    shown = msgspec.json.decode(answer.body, type=shapes.UserAnswer)
    shown.user.auth_token = token
    return Answer(answer.status, encode(shown))
