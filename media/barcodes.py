"""What a result tells of a barcode; its place in a message is in `media.messages`."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel


class BarcodeReport(BaseModel):
    """The barcode that a document was read from. What it holds beside the fields is not told."""

    symbology: Literal["PDF417", "QR Code", "Aztec Code"]
    standard: Literal["AAMVA"]
    version: int
    issuer: str
    document_type: str
