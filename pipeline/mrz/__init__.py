"""The machine-readable zone: formats, check digits, parsing, locating and recognising."""
