-- a script that spins while it loads => script: of CPU time
while true do end
