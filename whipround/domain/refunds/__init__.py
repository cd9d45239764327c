"""Refunds: a payment's money going back from its recipient, whole or in parts."""
