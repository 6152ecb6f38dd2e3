-- a listener that fills memory => log: used more than 64 MiB
on("job_executed", { job = "listener_memory" }, function()
  local t = {}
  while true do
    t[#t + 1] = ("x"):rep(1000) .. #t
  end
end)

job "listener_memory" { run = function() end }
