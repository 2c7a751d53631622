"""One subject each. A pass takes the command and the context and returns the command; each change leaves a label."""
