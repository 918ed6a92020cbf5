# The calendar counted: no code of the datetime module, no formula of the candidate.
LENGTHS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]


def is_leap(year):
    return year % 400 == 0 or (year % 4 == 0 and year % 100 != 0)


def first_days():
    day = {1970: 0}
    for year in range(1970, 10000):
        day[year + 1] = day[year] + 365 + is_leap(year)
    for year in range(1969, 0, -1):
        day[year] = day[year + 1] - 365 - is_leap(year)
    return day


FIRST = first_days()


def days(year, month, day):
    before = sum(LENGTHS[: month - 1]) + (month > 2 and is_leap(year))
    return FIRST[year] + before + day - 1
