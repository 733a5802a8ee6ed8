"""The vocabulary of the house: records, schema, money, session clock, registries, errors. Standard library and NumPy only."""
