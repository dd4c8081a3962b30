"""Two-dimensional barcodes of documents that have no machine-readable zone."""
