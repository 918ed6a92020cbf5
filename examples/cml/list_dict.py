def unique(values):
    return list(dict.fromkeys(values))
