"""Demand: travellers, their times and ways, as SUMO reads them."""
