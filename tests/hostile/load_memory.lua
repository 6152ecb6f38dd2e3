-- a script that fills memory while it loads => script: used more than 64 MiB
local t = {}
while true do
  t[#t + 1] = ("x"):rep(1000) .. #t
end
