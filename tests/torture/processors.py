"""What the sandbox's processor says that it did, beside what our books say."""

DISAGREEMENTS = """
    select call.id, call.kind, call.status, call.amount, call.currency, call.error_code,
        operation.key, operation.kind, operation.status, operation.amount, operation.currency
    from (select * from gateway_call where kind <> 'register') as call
        full join sandbox_operation as operation on operation.key = call.id
    where (call.kind, call.status, call.amount, call.currency)
        is distinct from (operation.kind, operation.status, operation.amount, operation.currency)
        and not (call.status = 'cancelled' and operation.key is null)
"""
"""What only one of the two knows of, or knows otherwise."""

CLEARING = "select currency, balance from account where kind = 'clearing' and balance <> 0"
"""What is on its way, to or from the outside."""
