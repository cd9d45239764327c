"""Crowd payments: an amount that a payment script divides among many, at once or once claimed."""
