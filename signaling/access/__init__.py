"""Who may pass which door, how often, from which pages; and a note of who did."""
