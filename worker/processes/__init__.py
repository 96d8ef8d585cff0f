"""Modules that Celery loads by name into its own processes: the main process, the consumer and beat."""
