"""Worlds to learn in: one protocol (:mod:`.base`), one adapter per simulator."""
