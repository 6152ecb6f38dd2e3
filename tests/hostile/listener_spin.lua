-- a listener that spins at every event => log: of CPU time
on("job_executed", { job = "listener_spin" }, function()
  while true do end
end)

job "listener_spin" { run = function() end }
