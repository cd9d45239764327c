"""The double-entry ledger: accounts, transfers, audit. It knows nothing of payments."""
