; version 1: the area code of a telephone number
(set-logic SLIA)
(set-options ((samples "0")))
(synth-fun area ((number String)) String
  ((Start String (ntString))
   (ntString String (number "" (str.substr ntString ntInt ntInt)
     (str.replace ntString ntString ntString)))
   (ntInt Int (0 1 -1 (+ ntInt ntInt) (- ntInt ntInt) (str.len ntString)
     (str.indexof ntString "-" ntInt)))))
(constraint (= (area "030-1234567") "030"))
(constraint (= (area "08671-52") "08671"))
(constraint (= (area "089-99") "089"))
(constraint (= (area "0-1-2") "0"))
(check-synth)
