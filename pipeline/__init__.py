"""How work fans out inside a stage (Prefect)."""
