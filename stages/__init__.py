"""The stages of dvc.yaml, one thin module each: `python -m stages.<name>`."""
