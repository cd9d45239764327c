"""The Mobbr dialect: crowd payments by scripts, pledges, claims and unclaimed shares."""
