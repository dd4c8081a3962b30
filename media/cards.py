"""Which card a session fills, and what that card asks for."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Callable, Mapping

from core.errors import InvalidMessage, LobbyLensError, NotFound, Overloaded
from media import messages
from media.channels import Channels
from media.review import Review, Reviews, clean_fields
from media.surroundings import Surroundings
from pipeline.card.order import CardForm, CardOrder, Signature, Variant
from pipeline.types import Document

_MAX_CONFIRMS = 4


class SessionCards:
    """One session's choice of card; ``tell`` sends an error.

    Forms are read and cards filled on the worker threads of the captures.
    """

    def __init__(
        self, around: Surroundings, channels: Channels, tell: Callable[[LobbyLensError], None]
    ) -> None:
        self._around = around
        self._channels = channels
        self._tell = tell
        self._chosen: str | None = None
        self._confirms = 0
        self._filling = asyncio.Lock()
        self._choosing = asyncio.Lock()
        """Choices take effect, and are told, in the order in which they were made."""

    async def announce(self, chosen: str | None = None) -> None:
        """Say what the card asks for; ``chosen`` takes another one from now on."""
        async with self._choosing:
            try:
                form = await self.form(chosen)
            except LobbyLensError as error:
                self._tell(error)
                return
            self._chosen = chosen or self._chosen
            self._channels.send_event(form)

    async def form(self, name: str | None = None) -> messages.CardFormMessage:
        """What a card asks for; None for the session's. Raises DocumentFillingError."""
        form = await asyncio.get_running_loop().run_in_executor(
            self._around.captures, self._around.engine.card_form, name or self._chosen
        )
        return form_message(form)

    async def confirm(self, message: messages.Confirm, reviews: Reviews) -> tuple[Review, bool]:
        """Fill the card of a document, with its fields as they were accepted; and whether that is
        news: the same message again, whose answer was lost, is answered again and no more.

        Raises NotFound, InvalidMessage, DocumentFillingError, and Overloaded where several cards
        are waited for already: they are filled one at a time, so that other guests are served.
        """
        fields = clean_fields(message.fields)
        if self._confirms >= _MAX_CONFIRMS:
            raise Overloaded("cards are still being filled: try again in a moment", 1)
        review = reviews.get(message.document_id, message.entry)
        self._confirms += 1
        try:
            async with self._choosing:
                pass  # the card that was chosen before
            async with self._filling:
                if review.accepted == message and reviews.find(review.document.id) is review:
                    return review, False
                card = await self._fill(message, review.document, fields)
                if reviews.find(review.document.id) is not review:
                    raise NotFound("this document was forgotten while its card was filled")
                review.confirm(fields, message.actor, card)
                review.accepted = message
        finally:
            self._confirms -= 1
        return review, True

    async def _fill(
        self, message: messages.Confirm, document: Document, fields: Mapping[str, str]
    ) -> bytes:
        return await asyncio.get_running_loop().run_in_executor(
            self._around.captures,
            self._around.engine.fill_card,
            document,
            fields,
            card_order(message, self._chosen),
        )


def card_order(message: messages.Confirm, chosen: str | None) -> CardOrder:
    """What a ``confirm`` asks for. Raises InvalidMessage for a signature that is none."""
    drawn = message.signature
    signature = None
    if drawn is not None:
        if (drawn.png is None) == (drawn.strokes is None):
            raise InvalidMessage("signature: send either png or strokes", "signature")
        try:
            png = base64.b64decode(drawn.png, validate=True) if drawn.png is not None else None
        except (binascii.Error, ValueError):
            raise InvalidMessage("signature: png must be base64", "signature") from None
        strokes = tuple(tuple((x, y) for x, y in stroke) for stroke in drawn.strokes or ())
        signature = Signature(png, strokes, drawn.aspect)
    return CardOrder(message.card or chosen, Variant(message.variant), signature, message.archival)


def form_message(form: CardForm) -> messages.CardFormMessage:
    """The form as a message."""
    return messages.CardFormMessage(
        card=form.name,
        title=form.title,
        counsel=form.counsel,
        law=form.law,
        forbidden=list(form.forbidden),
        signature=form.signature,
        fields=[
            messages.CardFieldReport(
                name=field.name,
                format=field.format.value,
                asked_of=field.asked_of.value,
                required=field.required,
                max_length=field.max_length,
                labels=dict(field.labels),
                options=dict(field.options),
            )
            for field in form.fields
        ],
    )
