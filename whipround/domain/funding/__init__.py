"""Funding sources: where a person's money comes from and goes to."""
