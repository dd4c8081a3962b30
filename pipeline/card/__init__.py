"""Registration cards: mapping, filling, checking."""
