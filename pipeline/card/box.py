"""All the cards of an installation: the folders under templates/, each loaded when first asked."""

from __future__ import annotations

import threading
from pathlib import Path

from core.errors import DocumentFillingError, SettingsError
from pipeline.card.fill import FORM, CardFiller
from pipeline.card.fonts import FontShelf
from pipeline.card.layout import load_plan
from pipeline.card.order import CardForm

PLAN = "form.json"


class CardBox:
    """Cards by the names of their folders; safe to use from several threads.

    The ``own`` card is loaded at once, so that a server with a broken one does not start. Raises
    SettingsError when it is missing or wrong.
    """

    def __init__(self, templates: Path, own: str, shelf: FontShelf | None = None) -> None:
        self._templates = templates
        self._own = own
        self._shelf = shelf
        self._loaded: dict[str, CardFiller] = {}
        self._forms: dict[str, CardForm] = {}
        self._loading = threading.Lock()
        if own not in self.names:
            raise SettingsError(
                f"there is no card {own} (pipeline.card) in {templates} (pipeline.templates); "
                f"there are: {', '.join(self.names) or 'none'}"
            )
        self.get(own)

    @property
    def names(self) -> tuple[str, ...]:
        """Folders that hold a form, in alphabetical order."""
        return tuple(sorted(form.parent.name for form in self._templates.glob(f"*/{FORM}")))

    def get(self, name: str | None = None) -> CardFiller:
        """The card of that name; None for the installation's own.

        Raises DocumentFillingError (field ``card``) when there is none, SettingsError when it
        cannot be used.
        """
        name = name or self._own
        with self._loading:
            if name not in self._loaded:
                if name not in self.names:  # also keeps paths out of names
                    raise DocumentFillingError("there is no card of that name", field="card")
                self._loaded[name] = CardFiller.of(self._templates / name, self._shelf)
            return self._loaded[name]

    def form(self, name: str | None = None) -> CardForm:
        """What a card asks for. Raises as ``get`` does."""
        name = name or self._own
        filler = self.get(name)
        if name not in self._forms:
            plan = self._templates / name / PLAN
            self._forms[name] = CardForm(
                name,
                filler.mapping.title,
                filler.fields(load_plan(plan).labels if plan.exists() else {}),
                tuple(sorted(filler.forbidden)),
                filler.rules.law,
                filler.rules.counsel,
                filler.takes_signature,
            )
        return self._forms[name]
