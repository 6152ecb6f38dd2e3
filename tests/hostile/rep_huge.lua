-- a text of an exabyte => run: would be larger than 64 MiB
job "rep_huge" {
  timeout = "30s",
  run = function()
    ("x"):rep(1 << 60)
  end,
}
