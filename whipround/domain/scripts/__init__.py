"""Payment scripts: who takes part in a payment, and how it is divided. Nobody is asked here."""
