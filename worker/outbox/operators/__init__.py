"""The operators room: decisions of a person about operations, and pauses."""
