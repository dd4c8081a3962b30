"""Documents: from a frame to a reading and a card; knows no network."""
