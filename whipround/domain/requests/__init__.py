"""Requests: people ask others for money."""
