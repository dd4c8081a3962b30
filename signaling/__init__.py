"""The front door: URLs, offers, WHIP, pages."""
