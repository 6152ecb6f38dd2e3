--- A heartbeat: the smallest job file there is, to be changed while the scheduler runs.

job "hello" {
  trigger = every "10s",
  run = function(run)
    local beats = kv.update("beats", function(count) return (count or 0) + 1 end)
    log.info("hello, beat %d, due at %s", beats, run.scheduled_at:format "%H:%M:%S")
    return beats
  end,
}
