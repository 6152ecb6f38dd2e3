-- replacements that double the text => run: used more than 64 MiB
job "gsub_bomb" {
  timeout = "30s",
  run = function()
    local text = "x"
    while true do
      text = text:gsub("x", "xx")
    end
  end,
}
