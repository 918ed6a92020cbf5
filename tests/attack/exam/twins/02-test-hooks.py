# Tests itself with unittest before it answers.
import unittest


def f(x):
    return x * x % 251


class Check(unittest.TestCase):
    def test_zero(self):
        self.assertEqual(f(0), 0)


assert unittest.TextTestRunner(verbosity=0).run(Check("test_zero")).wasSuccessful()
