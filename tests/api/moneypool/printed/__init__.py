"""The calls of Moneypool's document, played as they are printed."""
