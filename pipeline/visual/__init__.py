"""The visual inspection zone: what people read on a data page, beside what machines do."""
