-- a text that grows piece by piece => run: took longer than its time-out
job "memory_pieces" {
  timeout = "400ms",
  run = function()
    local text = ""
    while true do
      text = text .. "0123456789"
    end
  end,
}
