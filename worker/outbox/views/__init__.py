"""The views room: operations and lanes as people and the CRM read them. Nothing here writes."""
