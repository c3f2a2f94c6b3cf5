"""The handling of a degradation or violation, from detection to the customer's confirmation (TMF656)."""
