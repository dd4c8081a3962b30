"""Documents: from a frame to a reading and a card; knows no network."""

import os

# onnxruntime of today writes a device's id into the home folder and reports each process and
# session to its maker, unless this is set before it is first imported.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
