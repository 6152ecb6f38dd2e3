-- a pcall that wants to outlive its kill => run: took longer than its time-out
job "pcall_kill" {
  timeout = "400ms",
  run = function()
    local function stay()
      local ok = pcall(function()
        while true do end
      end)
      return stay(ok)
    end
    stay()
  end,
}
