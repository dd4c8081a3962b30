"""What makes a card a PDF/A-2b file (ISO 19005-2): XMP, an output intent, an identifier.

Fonts are embedded and nothing is transparent in the project's cards; a hotel's own form is looked
at first (``inspection.py``). Here the rest is added. The colour
profile is sRGB as Little CMS makes it (MIT; the profile itself carries no copyright).
"""

from __future__ import annotations

import functools
import hashlib
from xml.sax.saxutils import escape

from PIL import ImageCms
from pypdf import PdfWriter
from pypdf.generic import (
    ArrayObject,
    ByteStringObject,
    DictionaryObject,
    NameObject,
    NumberObject,
    TextStringObject,
)

from core.errors import DocumentFillingError
from pipeline.card.inspection import obstacles
from pipeline.card.output import PRODUCER, add_stream

_XMP = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about=""
    xmlns:dc="http://purl.org/dc/elements/1.1/"
    xmlns:pdf="http://ns.adobe.com/pdf/1.3/"
    xmlns:pdfaid="http://www.aiim.org/pdfa/ns/id/">
   <pdfaid:part>2</pdfaid:part>
   <pdfaid:conformance>B</pdfaid:conformance>
   <pdf:Producer>{producer}</pdf:Producer>
   <dc:title><rdf:Alt><rdf:li xml:lang="x-default">{title}</rdf:li></rdf:Alt></dc:title>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>"""
_DATE = slice(24, 36)
_NO_DATE = bytes((0x07, 0xD0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0))
_PROFILE_ID = slice(84, 100)


@functools.cache
def srgb_profile() -> bytes:
    """An ICC profile of sRGB; the same bytes every time (its date is 1 January 2000)."""
    made = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    made[_DATE] = _NO_DATE
    made[_PROFILE_ID] = bytes(16)  # ICC.1, 7.2.18: zero where it has not been calculated
    return bytes(made)


def make_archival(writer: PdfWriter, title: str, content: bytes) -> None:
    """Add what PDF/A-2b asks for; ``content`` tells this card from others.

    Raises DocumentFillingError (field ``archival``) for a form that stands in the way.
    """
    if found := next(obstacles(writer), None):
        raise DocumentFillingError(f"the card cannot be archived: {found}", field="archival")
    for page in writer.pages:
        page.pop("/Trans", None)
    profile = add_stream(
        writer, srgb_profile(), DictionaryObject({NameObject("/N"): NumberObject(3)})
    )
    intent = DictionaryObject(
        {
            NameObject("/Type"): NameObject("/OutputIntent"),
            NameObject("/S"): NameObject("/GTS_PDFA1"),
            NameObject("/OutputConditionIdentifier"): TextStringObject("sRGB IEC61966-2.1"),
            NameObject("/Info"): TextStringObject("sRGB IEC61966-2.1"),
            NameObject("/DestOutputProfile"): profile,
        }
    )
    xmp = _XMP.format(producer=escape(PRODUCER), title=escape(title)).encode()
    writer.root_object[NameObject("/OutputIntents")] = ArrayObject([writer._add_object(intent)])
    writer.root_object[NameObject("/Metadata")] = add_stream(
        writer,
        xmp,
        DictionaryObject(
            {
                NameObject("/Type"): NameObject("/Metadata"),
                NameObject("/Subtype"): NameObject("/XML"),
            }
        ),
        packed=False,  # readers look for it without unpacking anything
    )
    identifier = ByteStringObject(hashlib.sha256(content).digest()[:16])
    writer._ID = ArrayObject([identifier, identifier])
