-- a width that no line has => run: invalid conversion
job "format_width" {
  timeout = "30s",
  run = function()
    string.format("%99999s", "x")
  end,
}
