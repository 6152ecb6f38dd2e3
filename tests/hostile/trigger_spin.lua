-- a trigger in Lua that spins => script: of CPU time or took longer than
job "trigger_spin" {
  trigger = trigger("trigger_spin", function()
    while true do end
  end),
  run = function() end,
}
