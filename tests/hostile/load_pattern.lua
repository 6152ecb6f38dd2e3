-- a script with an endless pattern at its top => script: of CPU time or loading took longer than
("a"):rep(200000):find(("a*"):rep(60) .. "b")
