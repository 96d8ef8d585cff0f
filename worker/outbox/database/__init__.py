"""The database room: engine, transactions, SQL for both databases, and many rows in one parameter. It knows no rule about outcomes."""
