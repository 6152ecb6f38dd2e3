-- a text that doubles => run: used more than 64 MiB
job "memory_text" {
  timeout = "30s",
  run = function()
    local text = "x"
    while true do
      text = text .. text
    end
  end,
}
