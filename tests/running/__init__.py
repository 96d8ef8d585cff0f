"""What only real worker, beat and Flower processes can show."""
