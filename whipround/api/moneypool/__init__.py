"""The Moneypool dialect: wallets, card and mixed payments, requests and invitations, in MXN."""
