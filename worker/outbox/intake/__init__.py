"""The intake room: rows of a CRM become operations, and their file is recorded beside them."""
