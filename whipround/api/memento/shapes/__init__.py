"""The objects of the Memento API, as they are answered."""
