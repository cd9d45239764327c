"""The objects of the Moneypool API, as they are answered."""
