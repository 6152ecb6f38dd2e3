-- a script that catches its kill while it loads => script: of CPU time or loading took longer than
while true do
  pcall(function()
    while true do end
  end)
end
