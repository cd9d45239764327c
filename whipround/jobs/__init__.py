"""What happens by itself: deliveries, expiries, pruning."""
