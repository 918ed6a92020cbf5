def crc32(data):
    """Long division of polynomials over the whole message, bit by bit."""
    rest = 0xFFFFFFFF
    for byte in data:
        for bit in range(8):
            low = (rest ^ byte >> bit) & 1
            rest >>= 1
            if low:
                rest ^= 0xEDB88320
    return rest ^ 0xFFFFFFFF
