"""The lanes room: turns at lanes, the environment that all lanes share, and operations that wait for a parent."""
