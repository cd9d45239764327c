"""What the documents say that objects look like: every attribute of theirs, and of what type.

Copied from the attribute tables and samples of Memento, with what later revisions added.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from tests.api.checks import Check, a_list_of, boolean, integer, nothing, text


def uuid(value: object) -> bool:
    """A UUID as all of them are written."""
    return isinstance(value, str) and str(UUID(value)) == value


def time(value: object) -> bool:
    """A time in UTC, as the samples have it."""
    return isinstance(value, str) and value[-1] == "Z" and bool(datetime.fromisoformat(value))


def number(value: object) -> bool:
    """A JSON number; decoded with `parse_float=Decimal`."""
    return isinstance(value, int | Decimal) and not isinstance(value, bool)


PICTURE: Mapping[str, Check] = {
    "id": uuid,
    "url": text,
    "cropped_url": text,
    "full_screen_url": text,
    "thumbnail_url": text,
    "description": text,
    "meta": text,
    "created_at": time,
    "updated_at": time,
}

USER: Mapping[str, Check] = {
    "id": uuid,
    "first_name": text,
    "last_name": text,
    "full_name": text,
    "username": text,
    "country": text,
    "timezone": text,
    "timezone_utc_offset": integer,
    "verified": boolean,
    "official": boolean,
    "preferences": text,
    "image": nothing,
    "relationships": a_list_of({}),
    "meta": text,
}

PARTICIPANT: Mapping[str, Check] = {
    "id": uuid,
    "user_id": uuid,
    "parent_user_id": nothing,
    "transaction_id": uuid,
    "status": text,
    "amount": number,
    "currency": text,
    "full_name": text,
    "username": text,
    "messages": nothing,
    "created_at": time,
    "updated_at": time,
    "verified": boolean,
    "official": boolean,
    "meta": text,
}

UNCLAIMED_PAYMENT: Mapping[str, Check] = {
    "id": uuid,
    "funding_source_id": uuid,
    "transaction_id": uuid,
    "processed": boolean,
    "error": boolean,
    "error_message": text,
    "expires_at": time,
    "created_at": time,
    "updated_at": time,
}

PAYMENT: Mapping[str, Check] = {
    "id": uuid,
    "status": text,
    "fulfillment_status": text,
    "kind": text,
    "amount": number,
    "amount_refunded": number,
    "currency": text,
    "source_amount": number,
    "source_currency": text,
    "exchange_rate": nothing,
    "error_code": text,
    "description": text,
    "image": PICTURE,
    "owner": USER,
    "recipient": PARTICIPANT,
    "expires_at": nothing,
    "created_at": time,
    "updated_at": time,
    "unclaimed_payment": nothing,
    "request_id": nothing,
    "pool_id": nothing,
    "meta": text,
}

WAITING_PAYMENT: Mapping[str, Check] = {
    **PAYMENT,
    "recipient": {**PARTICIPANT, "user_id": nothing},
    "expires_at": time,
    "unclaimed_payment": UNCLAIMED_PAYMENT,
}
"""A payment that nobody has claimed yet, as its payer sees it."""

_PARTY: Mapping[str, Check] = {"id": uuid, "title": text, "details": nothing}

RECEIPT: Mapping[str, Check] = {
    "description": text,
    "reference_code": text,
    "time": time,
    "payer": _PARTY,
    "recipient": _PARTY,
    "payment_method": _PARTY,
    "amounts": {
        "total": text,
        "paid": text,
        "cost": text,
        "currency": text,
        # Ours.
        "refunded": text,
        "exchange_rate": nothing,
    },
    "refunds": a_list_of(
        {"id": uuid, "reference_code": text, "time": time, "amount": text, "status": text}
    ),
}

BALANCE: Mapping[str, Check] = {
    "id": uuid,
    "amount": number,
    "amount_in": number,
    "amount_out": number,
    "currency": text,
    "created_at": time,
    "updated_at": time,
}

BANK_ACCOUNT: Mapping[str, Check] = {
    "id": uuid,
    "country": text,
    "account_number": text,
    "owner_id": text,
    "enabled": boolean,
    "meta": text,
    "created_at": time,
    "updated_at": time,
    "iban": text,
    "swift": text,
}

CARD: Mapping[str, Check] = {
    "id": uuid,
    "status": text,
    "type": text,
    "brand": text,
    "owner_id": text,
    "expiration_month": integer,
    "expiration_year": integer,
    "masked_number": text,
    "verified": boolean,
    "verified_at": nothing,
    "meta": text,
    "created_at": time,
    "updated_at": time,
}
"""A card that nobody has verified yet."""

CRYPTO_ADDRESS: Mapping[str, Check] = {
    "id": uuid,
    "address": text,
    "currency": text,
    "created_at": time,
    "updated_at": time,
}

FUNDING_SOURCE: Mapping[str, Check] = {
    "id": uuid,
    "type": text,
    "type_name": text,
    "status": text,
    "description": text,
    "meta": text,
    "gateway": text,
    "bank_account": nothing,
    "card": nothing,
    "crypto_address": nothing,
    "balances": a_list_of(BALANCE),
    "currencies": a_list_of(text),
    "allows_in": boolean,
    "allows_out": boolean,
    "enabled": boolean,
    "verified": boolean,
    "verified_at": time,
    "created_at": time,
    "updated_at": time,
}
"""The wallet: none of the objects that others are over."""

TRANSACTION: Mapping[str, Check] = {
    "id": uuid,
    "out_user_id": uuid,
    "in_user_id": uuid,
    "out_funding_source_id": uuid,
    "in_funding_source_id": nothing,
    "payment_id": uuid,
    "status": text,
    "amount": number,
    "currency": text,
    "kind": text,
    "source_amount": number,
    "source_currency": text,
    "exchange_rate": nothing,
    "tracking_code": text,
    "error": boolean,
    "error_code": text,
    "gateway_response": nothing,
    "expires_at": nothing,
    "created_at": time,
    "updated_at": time,
    "fee": number,
    "meta": text,
}
"""From one wallet to another, as its payer sees it."""
