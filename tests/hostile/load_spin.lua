-- a script that spins while it loads => script: of CPU time or loading took longer than
while true do end
