"""Code that makes the models and the specimens; the server imports none of it."""
