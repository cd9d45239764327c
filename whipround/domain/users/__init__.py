"""People: signing up, changing, finding and looking after them."""
