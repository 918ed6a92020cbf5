def unique(values):
    return [v for i, v in enumerate(values) if values.index(v) == i]
