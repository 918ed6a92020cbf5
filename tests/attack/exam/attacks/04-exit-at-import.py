# attack: 4
# how: exits while it is being loaded, so that no check ever starts
# why: no answers, no verdict
# problem: square
# end: failed
raise SystemExit(0)
