"""Which interactions are learned from, and which ones the model is asked to predict: one way a file."""
