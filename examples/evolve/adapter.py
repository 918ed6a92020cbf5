"""evaluate(path) for evolutionary loops, judged by `proctor exam`.

A loop hands over the path of a candidate program and gets a score back. The
candidate never runs here: `proctor exam` runs it in a sealed worker, draws
inputs after its bytes are fixed, and compares outside of it. So there is nothing
for a candidate to patch, read or print that would change its score.

Python's standard library only. Linux, with `proctor` on the PATH or named by
the environment variable PROCTOR.
"""
import json
import os
import subprocess


class HarnessError(RuntimeError):
    """The question was wrong (options, files, policy); no candidate's fault."""


class Judge:
    """One exam: an oracle, a domain and the type of the answers."""

    def __init__(self, oracle, domain, gives, second=None, function=None,
                 examples=(), options=(), store=None):
        """oracle, second: FILE.py:NAME or a program. domain: as in a graph.
        function: what candidates call their function (else: as their file).
        options: further words for `proctor exam`, e.g.
        ["policy.limits.cpu=2s"]."""
        self.function = function
        self.words = ["--oracle", oracle, "--domain", domain, "--gives", gives]
        if second:
            self.words += ["--second", second]
        for example in examples:
            self.words += ["--example", example]
        if store:
            self.words += ["--store", store]
        self.words += options

    def ask(self, path):
        """The whole JSON document of one exam."""
        work = "%s:%s" % (path, self.function) if self.function else path
        done = subprocess.run(
            [os.environ.get("PROCTOR", "proctor"), "exam", work, "--json"]
            + self.words,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True)
        try:
            verdict = json.loads(done.stdout)
        except ValueError:
            raise HarnessError(done.stderr.strip() or "no verdict") from None
        if done.returncode not in (0, 1):
            raise HarnessError(done.stderr.strip())
        if (done.returncode == 0) != verdict.get("admitted", False):
            raise HarnessError("exit code and verdict differ")
        return verdict

    def evaluate(self, path):
        """Scores one candidate: 1.0 when it is admitted, else 0.0. There is no
        score in between: a number that grows with the right answers could be
        climbed. What a loop learns from is the counterexample."""
        verdict = self.ask(path)
        return {
            "combined_score": 1.0 if verdict["admitted"] else 0.0,
            "verdict": verdict["verdict"],
            "level": verdict["level"],
            "reason": verdict["reason"],
            # Error rate that is excluded with 95 %, and with 1 - alpha.
            "bound95": verdict.get("bound95"),
            "bound_alpha": verdict.get("bound_alpha"),
            # {"input": [...], "expected": ..., "got": ..., "ending": ...}
            "counterexample": verdict["counterexample"],
            "known": verdict["known"],
            "record": verdict["record"],
        }
