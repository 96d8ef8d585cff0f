"""The sync worker: a CRM's rows go to Vitec Connect, each one once, and nothing is lost."""
