"""Add-ons: each module of this package that has DESCRIPTOR says what one add-on is made of in the cluster."""
