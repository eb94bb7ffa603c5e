"""The sections of params.yaml, one file each. Import the file of the section that you need."""
