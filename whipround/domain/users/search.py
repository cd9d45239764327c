"""Finding people (Memento, Search for users)."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from whipround.db.database import Tx
from whipround.domain.users.person import COLUMNS, User

MOST_RESULTS = 100

# Each way of finding somebody has an index of its own. Of a name that thousands bear, only some are
# looked at: the search has to stay cheap, and would show no more than a few anyway.
_SEARCH = f"""
    with found as (
        select id from users where lower(username) = any(%(usernames)s)
        union
        select id from users
        where lower(email) = any(%(emails)s) and email_verified_at is not null
        union
        select id from users where phone = any(%(phones)s) and phone_verified_at is not null
        union
        select named.id
        from unnest(%(names)s::text[]) as wanted (name)
            cross join lateral (
                select id from users
                where names @@ plainto_tsquery('simple', wanted.name)
                limit 1000
            ) as named
    )
    select {COLUMNS}
    from found join users using (id)
    where users.status = 'active'
        and users.id <> %(user_id)s
        and not exists (
            select from relationship
            where type = 'blocked'
                and (
                    (user_id = %(user_id)s and other_user_id = users.id)
                    or (user_id = users.id and other_user_id = %(user_id)s)
                )
        )
        and (
            %(show_current_friends)s
            or not exists (
                select from relationship
                where user_id = %(user_id)s
                    and other_user_id = users.id
                    and type in ('contact', 'friend')
            )
        )
    order by users.full_name, users.id
    limit {MOST_RESULTS}
"""  # noqa: S608 (our own column names)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Whom to look for: all who match any of these.

    A name matches with every word of it; usernames in capitals or not; emails (in lower case) and
    phones (E.164) only where they are proven.
    """

    names: Sequence[str] = ()
    usernames: Sequence[str] = ()
    emails: Sequence[str] = ()
    phones: Sequence[str] = ()


async def search(
    tx: Tx, *, user_id: UUID, wanted: Wanted, show_current_friends: bool
) -> list[User]:
    """The people the user was looking for, by name, at most 100.

    Not among them: the user, who has blocked or was blocked by the user, and, unless they are asked
    for, those who are the user's contacts or friends already.
    """
    values = {
        "user_id": user_id,
        "names": list(wanted.names),
        "usernames": [username.lower() for username in wanted.usernames],
        "emails": list(wanted.emails),
        "phones": list(wanted.phones),
        "show_current_friends": show_current_friends,
    }
    return [User._make(row) for row in await (await tx.execute(_SEARCH, values)).fetchall()]
