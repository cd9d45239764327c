"""Sites that say whose a profile is, to whoever is sent there to log in (OAuth 2.0)."""
