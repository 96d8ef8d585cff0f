"""The revisions room: new content from the CRM for operations that are recorded already."""
