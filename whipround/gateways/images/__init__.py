"""Pictures: what is made of them, and where their files are."""
