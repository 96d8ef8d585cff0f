"""Codes and the sentences about them, in the languages of the readers."""
