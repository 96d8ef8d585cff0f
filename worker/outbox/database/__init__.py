"""The database room: engine, clock, transactions and the forms in which many rows travel. It knows no rule of the product."""
