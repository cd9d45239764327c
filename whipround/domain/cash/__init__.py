"""Contributions that are paid in cash: ordered, paid at a shop, and put where they belong."""
