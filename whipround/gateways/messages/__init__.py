"""Messages to people: mail, SMS, calls; and a sandbox that keeps them all."""
