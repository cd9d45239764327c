"""Exchange rates: where they are published."""
