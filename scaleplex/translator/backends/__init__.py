"""One module per backend; each turns facts into a plan and knows nothing of the others."""
