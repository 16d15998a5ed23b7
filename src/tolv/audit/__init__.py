"""What check says and prove sees, factor by factor: the two never know of each other, and meet here."""
