"""The proof, over any database: each check is one query that lists what contradicts it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from whipround.db.database import Database


class Check(NamedTuple):
    """A claim about the books, and the query that finds what breaks it.

    The query gives one column: a text that says what is wrong, one row per finding.
    """

    claim: str
    query: str


@dataclass(frozen=True, slots=True)
class Finding:
    """How one check came out: at most FINDINGS_SHOWN problems are listed."""

    claim: str
    problems: Sequence[str]


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome of an audit, and what it went over."""

    findings: Sequence[Finding]
    transfers: int
    entries: int
    accounts: int

    @property
    def ok(self) -> bool:
        """Whether nothing contradicts the books."""
        return not any(finding.problems for finding in self.findings)


FINDINGS_SHOWN = 20

LEDGER_CHECKS: Sequence[Check] = (
    Check(
        "every transfer sums to zero per currency",
        """
        select format('transfer %s sums to %s %s', transfer_id, sum(amount), currency)
        from entry join account on account.id = account_id
        group by transfer_id, currency
        having sum(amount) <> 0
        """,
    ),
    Check(
        "every transfer has at least two legs, and every leg a transfer and an account",
        """
        select format('transfer %s has %s legs', transfer.id, count(entry.amount))
        from transfer left join entry on transfer_id = transfer.id
        group by transfer.id
        having count(entry.amount) < 2
        union all
        select format('entry %s/%s belongs nowhere', account_id, entry.version)
        from entry
            left join transfer on transfer.id = transfer_id
            left join account on account.id = account_id
        where transfer.id is null or account.id is null
        """,
    ),
    Check(
        "every balance equals the sum of its entries, in and out",
        """
        select format('account %s holds %s, its entries say %s', id, balance, coalesce(total, 0))
        from account left join (
            select account_id, sum(amount) as total,
                sum(amount) filter (where amount > 0) as credited,
                -sum(amount) filter (where amount < 0) as debited
            from entry group by account_id
        ) as entries on account_id = id
        where balance <> coalesce(total, 0) or account.credited <> coalesce(entries.credited, 0)
            or account.debited <> coalesce(entries.debited, 0)
        """,
    ),
    Check(
        "every chain of entries is unbroken, from the first to the account's version",
        """
        select format('account %s breaks at version %s', account_id, version)
        from (
            select account_id, version, balance,
                coalesce(lag(balance) over chain, 0) + amount as expected,
                row_number() over chain as position
            from entry
            window chain as (partition by account_id order by version)
        ) as links
        where balance <> expected or version <> position
        union all
        select format('account %s is at version %s but has %s entries', id, account.version, last)
        from account join (
            select account_id, max(version) as last from entry group by account_id
        ) as ends on account_id = id
        where account.version <> last
        union all
        select format('account %s is at version %s but has no entry', id, version)
        from account
        where version <> 0 and not exists (select from entry where account_id = id)
        """,
    ),
    Check(
        "no account is below its floor",
        """
        select format('account %s holds %s, its floor is %s', id, balance, floor)
        from account where balance < floor
        """,
    ),
    Check(
        "all balances sum to zero per currency",
        """
        select format('all accounts together hold %s %s', sum(balance), currency)
        from account group by currency having sum(balance) <> 0
        """,
    ),
    Check(
        "every reversal turns its transfer round exactly",
        """
        select format('transfer %s does not reverse %s', transfer.id, reverses)
        from transfer
        where reverses is not null and (
            exists (
                (select account_id, amount from entry where transfer_id = reverses)
                except all
                (select account_id, -amount from entry where transfer_id = transfer.id)
            ) or exists (
                (select account_id, -amount from entry where transfer_id = transfer.id)
                except all
                (select account_id, amount from entry where transfer_id = reverses)
            )
        )
        """,
    ),
)

_SIZE = """
    select (select count(*) from transfer), (select count(*) from entry),
        (select count(*) from account)
"""


async def audit(db: Database, *, checks: Sequence[Check] = ()) -> Report:
    """Go through the whole ledger, and `checks` of what hangs on it, in one consistent snapshot.

    Reads everything: minutes on a large database, without blocking anybody.
    """
    async with db.snapshot() as tx:
        findings = []
        for claim, query in (*LEDGER_CHECKS, *checks):
            cursor = await tx.execute(f"{query} limit {FINDINGS_SHOWN}".encode())
            findings.append(Finding(claim, [text for (text,) in await cursor.fetchall()]))
        row = await (await tx.execute(_SIZE)).fetchone()
    transfers, entries, accounts = row or (0, 0, 0)
    return Report(findings, transfers, entries, accounts)
