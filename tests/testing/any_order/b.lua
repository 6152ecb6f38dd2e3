job "daily" { trigger = cron("0 9 * * *"):except "closed", run = function() end }
