"""Fetches what addresses given by users point to, and lets nobody look behind our walls by that."""
