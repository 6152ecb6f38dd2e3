job "pooled" { trigger = every "1h", pool = "late", run = function() end }
