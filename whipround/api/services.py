"""What serves the requests of one product, and which product a request is for."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import UUID

import psycopg

from whipround.api.bodies import Malformed
from whipround.api.links import Links, links_of
from whipround.db.batch import Batcher
from whipround.db.database import Database, Tx
from whipround.db.request_keys import Answer
from whipround.domain import products, sessions
from whipround.domain.basic_auth import BasicAuth
from whipround.domain.crowd import commands as crowd_commands
from whipround.domain.crowd.batch import CrowdBatch, weigh
from whipround.domain.payments.batch import PaymentBatch
from whipround.domain.payments.commands import Pay, Processing
from whipround.domain.payments.shares import PayShare
from whipround.domain.pools import numbers
from whipround.domain.products import Product
from whipround.domain.sessions import Session
from whipround.domain.throttles import SANDBOX_MULTIPLIER
from whipround.errors import Unavailable
from whipround.flows.desk import Desk, open_desk
from whipround.flows.scripts.web import Web
from whipround.flows.studio import Studio
from whipround.gateways.facebook.protocol import Facebook
from whipround.gateways.oauth.protocol import Provider
from whipround.gateways.processors.live import OpenProcessors
from whipround.keyring import Keyring

logger = logging.getLogger(__name__)

REFRESH_SECONDS = 15.0
"""How soon a product that was added elsewhere is known here, at the latest."""

_LEAST_SECONDS = 1.0


class UnknownProduct(Malformed):
    """There is no product with this Product-ID."""

    code = "unknown_product"


@dataclass(frozen=True, slots=True)
class Services:
    """What the handlers of one product work with.

    `product_id` is the product's id as a header shows it. `sessions` looks a session up by the
    digest of its token and `pools` a pool's id by its number, many in one query; `basic_auth` knows
    names and passwords. `payments` and `crowd` carry payments out in groups; the `desk` is where
    money goes in and out, the `studio` where pictures do; `facebook` checks its tokens; payment
    scripts are asked of the `web`, and at the `providers`, by the word that stands for each, people
    prove that profiles are theirs. The server is found at `public_url`; `links` are where those
    lead that are mailed.
    """

    product: Product
    product_id: bytes
    db: Database
    keyring: Keyring
    sandbox: bool
    sessions: Batcher[bytes, Session | None]
    basic_auth: BasicAuth
    pools: Batcher[int, UUID | None]
    payments: Batcher[Pay | PayShare, Answer | Processing]
    crowd: Batcher[crowd_commands.Command, crowd_commands.Result]
    desk: Desk
    studio: Studio
    facebook: Facebook
    web: Web
    providers: Mapping[str, Provider]
    public_url: str
    links: Links

    @property
    def confirmation_url(self) -> str:
        """Where links lead that confirm an address, with a token at the end of the path."""
        return self.links.confirmation


async def _find_sessions(tx: Tx, digests: Sequence[bytes]) -> list[Session | None]:
    found = await sessions.find(tx, digests, now=datetime.now(UTC))
    return [found.get(digest) for digest in digests]


async def _find_pools(tx: Tx, wanted: Sequence[int]) -> list[UUID | None]:
    found = await numbers.ids_of(tx, wanted)
    return [found.get(number) for number in wanted]


class Directory:
    """The services of every product, by its id and its host names.

    A product added by another process is found within 15 seconds, or when first asked for by id.
    """

    def __init__(
        self,
        db: Database,
        *,
        keyring: Keyring,
        processors: OpenProcessors,
        studio: Studio,
        facebook: Facebook,
        web: Web,
        providers: Mapping[str, Provider],
        public_url: str,
        sandbox: bool,
    ) -> None:
        self._db = db
        self._studio = studio
        self._facebook = facebook
        self._web = web
        self._providers = providers
        self._public_url = public_url
        self._keyring = keyring
        self._processors = processors
        self._sandbox = sandbox
        self._by_id: dict[bytes, Services] = {}
        self._by_host: dict[bytes, Services] = {}
        self._default: Services | None = None
        self._refreshed_at = 0.0
        self._looking: asyncio.Task[None] | None = None

    def find(self, product_id: bytes | None, host: bytes | None) -> Services | None:
        """The services a request asks for by its Product-ID and Host header, as they were sent.

        The product is the one of that id; without one the owner of the host name; else the default.
        """
        if product_id is not None:
            return self._by_id.get(product_id) or self._by_id.get(product_id.lower())
        if host is not None and self._by_host:
            return self._by_host.get(_host_name(host), self._default)
        return self._default

    async def ask(self, product_id: bytes | None, host: bytes | None) -> Services:
        """As `find`, after another look at the database. Raises UnknownProduct."""
        loop = asyncio.get_running_loop()
        if self._looking is None and loop.time() - self._refreshed_at > _LEAST_SECONDS:
            self._looking = loop.create_task(self.refresh())
        if self._looking is not None:  # who asks meanwhile waits for the same look
            try:
                await asyncio.shield(self._looking)
            finally:
                self._looking = None
        services = self.find(product_id, host)
        if services is None:
            raise UnknownProduct
        return services

    async def refresh(self) -> None:
        """Read the products anew."""
        self._refreshed_at = asyncio.get_running_loop().time()
        self.set(await products.list_products(self._db))

    def set(self, known: Iterable[Product]) -> None:
        """Serve these products; those served already keep their batchers."""
        self._by_host = {}
        known = list(known)
        for product in known:
            product_id = str(product.id).encode()
            links = links_of(product, known, public_url=self._public_url)
            served = self._by_id.get(product_id)
            services = (
                replace(served, product=product, links=links)
                if served
                else self._open(product, product_id, links)
            )
            self._by_id[product_id] = services
            self._by_host |= {host.encode(): services for host in product.host_names}
            if product.is_default:
                self._default = services

    def _open(self, product: Product, product_id: bytes, links: Links) -> Services:
        db = self._db.of(product.schema_name)
        by_token = Batcher(db, _find_sessions, reads_only=True)
        return Services(
            product=product,
            product_id=product_id,
            db=db,
            keyring=self._keyring,
            sandbox=self._sandbox,
            sessions=by_token,
            basic_auth=BasicAuth(
                db,
                self._keyring,
                sessions=by_token,
                limit_multiplier=SANDBOX_MULTIPLIER if self._sandbox else 1,
            ),
            pools=Batcher(db, _find_pools, reads_only=True),
            payments=Batcher(db, PaymentBatch()),
            crowd=Batcher(db, CrowdBatch(), weigh=weigh),
            desk=open_desk(
                db,
                product_id=product.id,
                keyring=self._keyring,
                processors=self._processors(db),
            ),
            studio=self._studio,
            facebook=self._facebook,
            web=self._web,
            providers=self._providers,
            public_url=self._public_url,
            links=links,
        )

    async def drain(self) -> None:
        """Wait until every batcher has answered."""
        for services in self._by_id.values():
            await services.basic_auth.drain()
            await services.sessions.drain()
            await services.pools.drain()
            await services.payments.drain()
            await services.crowd.drain()
            await services.desk.settlements.drain()


def _host_name(host: bytes) -> bytes:
    name, colon, port = host.rpartition(b":")
    return (name if colon and port.isdigit() else host).lower().rstrip(b".")


@asynccontextmanager
async def open_directory(
    db: Database,
    known: Iterable[Product],
    *,
    keyring: Keyring,
    processors: OpenProcessors,
    studio: Studio,
    facebook: Facebook,
    web: Web,
    providers: Mapping[str, Provider],
    public_url: str,
    sandbox: bool,
) -> AsyncIterator[Directory]:
    """The directory of an installation, kept up to date; drained at the end."""
    directory = Directory(
        db,
        keyring=keyring,
        processors=processors,
        studio=studio,
        facebook=facebook,
        web=web,
        providers=providers,
        public_url=public_url,
        sandbox=sandbox,
    )
    directory.set(known)
    watching = asyncio.create_task(_watch(directory))
    try:
        yield directory
    finally:
        watching.cancel()
        await directory.drain()


async def _watch(directory: Directory) -> None:
    while True:
        await asyncio.sleep(REFRESH_SECONDS)
        try:
            await directory.refresh()
        except (psycopg.Error, Unavailable) as error:
            logger.warning("the products cannot be read anew: %r", error)
