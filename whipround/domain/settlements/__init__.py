"""What becomes of money by what the outside says."""
