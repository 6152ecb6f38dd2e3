--- A URL's health, checked every minute, with one alert when it fails and one when it has recovered.
--
--   MOONBEAT_HEALTH_URL=https://example.org/ ./bootstrap.sh run
--
-- Alerts go to the log, and as JSON to MOONBEAT_ALERT_URL if there is one. How things stood is kept,
-- so that a restart does not alert again.

local URL = os.getenv "MOONBEAT_HEALTH_URL"
local ALERT_URL = os.getenv "MOONBEAT_ALERT_URL"

if not URL then
  log.info "nothing is checked until MOONBEAT_HEALTH_URL is set"
  return
end

local function alert(level, text)
  log[level](text)
  if ALERT_URL then
    local response, message = http.post(ALERT_URL, { json = { text = text, url = URL } })
    if not (response and response.ok) then
      log.error("the alert could not be sent: %s", message or "status " .. response.status)
    end
  end
end

local function check()
  local response, message = http.get(URL, { timeout = "10s" })
  if not response then
    return message
  elseif not response.ok then
    return "status " .. response.status
  end
end

job "health" {
  trigger = cron "* * * * *",
  timeout = "50s",
  run = function(run)
    local problem = check()
    local down = kv.get "down"
    if problem and not down then
      kv.set("down", { since = run.scheduled_at:iso(), problem = problem })
      alert("error", ("%s is down: %s"):format(URL, problem))
    elseif down and not problem then
      kv.delete "down"
      local length = time.text(run.scheduled_at - time.parse(down.since))
      alert("warn", ("%s is up again after %s"):format(URL, length))
    end
    return problem or "up"
  end,
}
