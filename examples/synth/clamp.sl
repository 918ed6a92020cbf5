; integers: at least 0, at most 10
(set-logic LIA)
(synth-fun clamp ((x Int)) Int
  ((I Int) (B Bool))
  ((I Int (x 0 10 (ite B I I) (+ I I) (- I I)))
   (B Bool ((<= I I) (< I I)))))
(constraint (and (= (clamp 5) 5) (= (clamp 0) 0) (= (clamp 10) 10)))
(constraint (and (= 0 (clamp (- 3))) (= 0 (clamp (- 100))) (= 0 (clamp (- 1)))))
(constraint (= (clamp 11) 10))
(constraint (= (clamp 1000) 10))
(constraint (= (clamp 12) 10))
(constraint (= (clamp 7) 7))
(check-synth)
