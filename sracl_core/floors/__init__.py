"""What every comparison should stand on: methods that count, and learn nothing step by step."""
