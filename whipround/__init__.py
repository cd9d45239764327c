"""Whipround: self-hosted social payments over one double-entry ledger."""

__version__ = "0.1.0"
