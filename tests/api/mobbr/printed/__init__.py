"""The calls of Mobbr's document, played as they are printed."""
