"""What exercises stand on: proxies, devices, gateways, models made for the purpose."""
