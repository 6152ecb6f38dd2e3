-- replacements that are many times the text => run: used more than 64 MiB
job "gsub_bomb" {
  timeout = "55s",
  run = function()
    local text = "x"
    while true do
      text = text:gsub("x", ("x"):rep(16))
    end
  end,
}
