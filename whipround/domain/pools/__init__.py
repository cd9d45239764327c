"""Pools: people put money together."""
