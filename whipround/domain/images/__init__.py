"""Pictures, and what they are pictures of."""
