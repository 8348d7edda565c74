"""The process that holds the model, from both sides: the service, and the process itself."""
