-- a separator repeated into memory's end => run: would be larger than 64 MiB
job "rep_separator" {
  timeout = "30s",
  run = function()
    (""):rep(1 << 30, "xx")
  end,
}
