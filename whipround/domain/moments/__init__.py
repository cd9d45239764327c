"""Moments: one feed of the payments, requests and pools that somebody has to do with."""
