"""The nouns and rules of the product. Functions that take `tx` never commit; `db` owns its own."""
