"""The examples of Memento's documents, played as they are printed."""
