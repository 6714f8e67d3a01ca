"""Equipment of the exercises: proxies, devices, gateways, models made for the purpose."""
