"""The first page of every list there is, of somebody with many rows among many more."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple, TypeAlias
from uuid import UUID

from bench.rows import HOST, PAGE
from whipround.api.memento import filtering
from whipround.api.mobbr.lists import DEFAULT_LIMIT
from whipround.api.moneypool.call import CURRENCY, MOST_PER_PAGE
from whipround.db.database import Database, Tx
from whipround.db.listing import Column, ListQuery, Page, Slice
from whipround.domain import announcements, contacts, history, transactions
from whipround.domain.crowd import listing, waiting
from whipround.domain.crowd import pages as crowd_pages
from whipround.domain.crowd.listing import Wanted
from whipround.domain.funding import reading as sources
from whipround.domain.moments import feed
from whipround.domain.moments import reading as moments
from whipround.domain.notifications import reading as notifications
from whipround.domain.payments import reading as payments
from whipround.domain.pools import participants as pool_participants
from whipround.domain.pools import reading as pools
from whipround.domain.refunds import reading as refunds
from whipround.domain.requests import mixed
from whipround.domain.requests import reading as requests

Read: TypeAlias = Callable[[Tx], Awaitable[object]]

_Page: TypeAlias = Callable[[Tx, ListQuery], Awaitable[object]]


class List(NamedTuple):
    """A list of Memento: its path, as its route has it, and what it can be filtered by.

    `queries` are what it is asked for beside all.
    """

    path: str
    columns: Mapping[str, Column]
    read: _Page
    queries: Sequence[str] = ()


class Reader(NamedTuple):
    """Somebody with a wallet, a payment, a request and a pool.

    `number` is their id in Moneypool.
    """

    user_id: UUID
    number: int
    ids: Mapping[str, UUID]


_IDS = {
    "funding_source_id": "select id from funding_source where user_id = %s and type = 'virtual'",
    "payment_id": "select id from payment where owner_id = %s order by created_at desc limit 1",
    "request_id": """
        select id from payment_request where owner_id = %s order by created_at desc limit 1
    """,
    "pool_id": "select id from pool where owner_id = %s order by created_at desc limit 1",
}

_OWNED = ("filter=owner:eq:true", "filter=owner:eq:false", "filter=status:eq:open")


async def reader(db: Database, *, user_id: UUID, number: int) -> Reader:
    """What a person has newest of each."""
    ids = {}
    async with db.transaction(patient=True) as tx:
        for name, sql in _IDS.items():
            [[ids[name]]] = await (await tx.execute(sql, (user_id,))).fetchall()
    return Reader(user_id, number, ids)


def lists(who: Reader, *, now: datetime) -> list[List]:
    """Every list of Memento, as the reader asks for it; some of them also filtered."""
    user_id, ids = who.user_id, who.ids

    async def read_sources(tx: Tx, query: ListQuery) -> None:
        found = await sources.page(tx, user_id=user_id, query=query)
        await sources.balances_of(tx, ids=[each.id for each in found])

    async def read_pools(tx: Tx, query: ListQuery) -> None:
        found = await pools.page(tx, user_id=user_id, query=query)
        await pools.see(tx, user_id=user_id, pools=found[: query.page.limit])

    async def read_pool_participants(tx: Tx, query: ListQuery) -> None:
        pool = await pools.find(tx, user_id=user_id, pool_id=ids["pool_id"])
        await pool_participants.page(tx, viewer_id=user_id, pool=pool, query=query)

    def of_user(page: Callable[..., Awaitable[object]], **more: object) -> _Page:
        return lambda tx, query: page(tx, user_id=user_id, query=query, **more)

    source, payment = ids["funding_source_id"], ids["payment_id"]
    return [
        List("announcements", announcements.FILTERS, of_user(announcements.page, now=now)),
        List(
            "contacts",
            contacts.FILTERS,
            lambda tx, query: contacts.page(tx, owner_id=user_id, query=query),
        ),
        List("funding_sources", sources.FILTERS, read_sources),
        List(
            "funding_sources/{funding_source_id}/transactions",
            transactions.SOURCE_FILTERS,
            of_user(transactions.page_of_source, funding_source_id=source),
            ("filter=deposits_only:eq:true",),
        ),
        List("moments", feed.FILTERS, of_user(moments.page), ("filter=open:eq:true",)),
        List("notifications", notifications.FILTERS, of_user(notifications.page)),
        List("payments", payments.FILTERS, of_user(payments.page), _OWNED),
        List(
            "payments/{payment_id}/refunds",
            refunds.FILTERS,
            of_user(refunds.page, payment_id=payment),
        ),
        List("pools", pools.FILTERS, read_pools, _OWNED),
        List(
            "pools/{pool_id}/participants",
            pool_participants.FILTERS,
            read_pool_participants,
            ("filter=status:eq:invited", "filter=status:eq:paid"),
        ),
        List("requests", requests.FILTERS, of_user(requests.page), _OWNED),
        List(
            "requests/{request_id}/participants",
            requests.PARTICIPANT_FILTERS,
            of_user(requests.participants, request_id=ids["request_id"]),
        ),
        List("transactions", transactions.FILTERS, of_user(transactions.page)),
    ]


def moneypool_lists(who: Reader, *, now: datetime) -> dict[str, Read]:
    """Every list of Moneypool, by its path as its route has it: the reader's own first page."""
    wanted: dict[str, Any] = {
        "user_id": who.user_id,
        "currency": CURRENCY,
        "page": Page(limit=MOST_PER_PAGE),
    }
    return {
        "users/{user_id}/history": lambda tx: history.page(tx, **wanted),
        "users/{user_id}/mixed_payment_requests": lambda tx: mixed.page(tx, **wanted, now=now),
    }


def mobbr_lists(who: Reader, *, now: datetime) -> dict[str, Read]:
    """Every list of Mobbr, by its path and query, of which the domain gets the same."""
    part, user_id = Slice(limit=DEFAULT_LIMIT), who.user_id
    recently = now - timedelta(days=1)

    def mine(wanted: Wanted) -> Read:
        return lambda tx: listing.page(tx, user_id=user_id, wanted=wanted, part=part)

    return {
        "payments": mine(Wanted()),
        "payments?search=food": mine(Wanted("food")),
        f"payments?from_date={recently:%Y-%m-%d}": mine(Wanted(since=recently)),
        f"payments/domain?domain={HOST}": lambda tx: crowd_pages.of_host(tx, host=HOST, part=part),
        f"payments/uri?url={PAGE}": lambda tx: crowd_pages.of_page(tx, url=PAGE, part=part),
        f"payments/claimable?url_or_email={PAGE}": lambda tx: crowd_pages.pledged_to(
            tx, url=PAGE, part=part, now=now
        ),
        "payments/pledged": lambda tx: waiting.pledged_by(tx, user_id=user_id, part=part),
        "payments/unclaimed_shares": lambda tx: waiting.unclaimed(
            tx, wallet_id=who.ids["funding_source_id"]
        ),
    }


def asked(who: Reader, *, now: datetime) -> dict[str, Read]:
    """What reads the first page of each address."""
    of_memento = {
        _address(each.path, who, query): _reading(each, query)
        for each in lists(who, now=now)
        for query in ("", *each.queries)
    }
    of_moneypool = {
        f"/api/{path.format(user_id=who.number)}": read
        for path, read in moneypool_lists(who, now=now).items()
    }
    of_mobbr = {f"/api_v1/{path}": read for path, read in mobbr_lists(who, now=now).items()}
    return of_memento | of_moneypool | of_mobbr


def _address(path: str, who: Reader, query: str) -> str:
    return f"/v1/{path.format_map(who.ids)}{query and '?'}{query}"


def _reading(of: List, query: str) -> Read:
    wanted = filtering.parse(query.encode(), of.columns)
    return lambda tx: of.read(tx, wanted)
