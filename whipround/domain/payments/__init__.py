"""Payments from a person's wallet to a person or to an address nobody has proven yet."""
