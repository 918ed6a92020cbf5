# Takes an address apart without calling anybody.
import ipaddress
from urllib.parse import urlsplit


def f(x):
    url = urlsplit("http://[::%x]:80/" % x)
    n = int(ipaddress.ip_address(url.hostname))
    return n * n % 251
