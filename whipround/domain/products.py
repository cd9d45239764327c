"""Products: white-label instances, each with its own users, currencies and ledger."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg.rows import kwargs_row
from uuid_utils.compat import uuid7

from whipround.db import schema
from whipround.db.database import INSTALLATION, Database, Tx
from whipround.errors import Conflict, FieldError, Invalid, Message, NotFound
from whipround.money import is_currency

DEFAULT_CURRENCIES = ("EUR", "USD", "GBP", "MXN", "ISK")

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_LABEL = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_HOST_NAME = re.compile(rf"(?=.{{1,253}}$){_LABEL}(\.{_LABEL})*")


@dataclass(frozen=True, slots=True)
class Product:
    """One product. All that belongs to it lives in the schema `schema_name`."""

    id: UUID
    name: str
    schema_name: str
    is_default: bool
    host_names: tuple[str, ...]
    currencies: tuple[str, ...]


class ProductExists(Conflict):
    """There is already a product of that name."""

    code = "product_exists"


class ProductNotFound(NotFound):
    """There is no such product."""

    code = "product_not_found"


class HostNameTaken(Conflict):
    """A host name belongs to another product."""

    code = "host_name_taken"


_LIST = """
    select id, name, schema_name, is_default, host_names, currencies
    from product
    order by created_at, id
"""

_INSERT = """
    insert into product (id, name, schema_name, is_default, host_names, currencies, created_at)
    values (%(id)s, %(name)s, %(schema_name)s, %(is_default)s, %(host_names)s, %(currencies)s,
        %(now)s)
"""


async def add(
    db: Database,
    *,
    name: str,
    host_names: Iterable[str] = (),
    currencies: Iterable[str] = DEFAULT_CURRENCIES,
    now: datetime,
) -> Product:
    """Add a product, with a schema of its own. The first one becomes the default.

    `name` is small letters, digits and underscores, at most 40; `host_names` are the hosts whose
    requests mean this product; `currencies` are ISO 4217 codes.

    Raises Invalid naming every wrong field, ProductExists, HostNameTaken.
    """
    hosts = tuple(dict.fromkeys(host.lower().rstrip(".") for host in host_names))
    codes = tuple(dict.fromkeys(currencies))
    _check(name, hosts, codes)
    async with db.of(INSTALLATION).transaction(patient=True) as tx:
        await schema.lock(tx)
        others = await _list(tx)
        if any(other.name == name for other in others):
            raise ProductExists(Message("There is already a product {name}.", name=name))
        taken = {host for other in others for host in other.host_names}.intersection(hosts)
        if taken:
            message = Message("The host {host} belongs to another product.", host=min(taken))
            raise HostNameTaken(message)
        product = Product(
            id=uuid7(),
            name=name,
            schema_name=f"product_{name}",
            is_default=not others,
            host_names=hosts,
            currencies=codes,
        )
        await tx.execute(_INSERT, _columns(product) | {"now": now})
        await schema.create_product_schema(tx, product.schema_name)
    return product


async def list_products(db: Database) -> Sequence[Product]:
    """All products, in the order they were added."""
    async with db.of(INSTALLATION).transaction() as tx:
        return await _list(tx)


def choose(products: Sequence[Product], *, name: str | None) -> Product:
    """The product of that name among `products`, or the default one. Raises ProductNotFound."""
    for product in products:
        if product.is_default if name is None else product.name == name:
            return product
    raise ProductNotFound(Message("There is no product {name}.", name=name))


async def _list(tx: Tx) -> Sequence[Product]:
    async with tx.cursor(row_factory=kwargs_row(_product)) as cursor:
        await cursor.execute(_LIST)
        return await cursor.fetchall()


def _product(
    *,
    id: UUID,  # noqa: A002
    name: str,
    schema_name: str,
    is_default: bool,
    host_names: list[str],
    currencies: list[str],
) -> Product:
    return Product(id, name, schema_name, is_default, tuple(host_names), tuple(currencies))


def _columns(product: Product) -> dict[str, object]:
    lists = {"host_names": list(product.host_names), "currencies": list(product.currencies)}
    return {
        "id": product.id,
        "name": product.name,
        "schema_name": product.schema_name,
        "is_default": product.is_default,
        **lists,
    }


def _check(name: str, hosts: Sequence[str], currencies: Sequence[str]) -> None:
    wrong = []
    if not _NAME.fullmatch(name):
        wrong.append(
            FieldError(
                "name",
                "invalid",
                "must be small letters, digits and underscores, begin with a letter,"
                " and be no longer than 40",
            )
        )
    wrong += [
        FieldError("host_names", "invalid", Message("{host!r} is not a host name", host=host))
        for host in hosts
        if not _HOST_NAME.fullmatch(host)
    ]
    wrong += [
        FieldError("currencies", "invalid", Message("{code!r} is not an ISO 4217 code", code=code))
        for code in currencies
        if not is_currency(code)
    ]
    if not currencies:
        wrong.append(FieldError("currencies", "required", "must name at least one"))
    if wrong:
        raise Invalid(wrong)
