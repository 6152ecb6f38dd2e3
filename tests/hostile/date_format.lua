-- a date in a format of a megabyte => run: the format is longer than
job "date_format" {
  timeout = "30s",
  run = function()
    os.date(("%c"):rep(500000))
  end,
}
