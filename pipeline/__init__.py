"""Documents: from a frame to a reading and a card; knows no network."""

import os

# onnxruntime of today writes a device's id into the home folder and reports each process and
# session to its maker, unless this is set before it is first imported.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
# NumPy's products and fits wake a thread for each other core, and those wait for the next by
# spinning, where frames are to be decoded. OpenBLAS reads this when NumPy is first imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
