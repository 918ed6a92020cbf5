import datetime


def days(year, month, day):
    return (datetime.date(year, month, day) - datetime.date(1970, 1, 1)).days
