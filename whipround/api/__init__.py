"""The HTTP dialects: they translate in, call once, translate out, and never import each other."""
