; names to initials
(set-logic SLIA)
(synth-fun initials ((name String)) String
  ((S String) (I Int))
  ((S String (name "." " " (str.++ S S) (str.at S I)))
   (I Int (0 1 (+ I I) (str.indexof S S I)))))
(declare-var name String)
(constraint (= (initials "Ada Lovelace") "A.L."))
(constraint (= (initials "Alan Turing") "A.T."))
(constraint (= (initials "Grace Hopper") "G.H."))
(constraint (= (initials "Edsger Dijkstra") "E.D."))
(check-synth)
