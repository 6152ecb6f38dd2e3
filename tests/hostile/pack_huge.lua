-- a packed text of a gigabyte => run: would be larger than 64 MiB
job "pack_huge" {
  timeout = "30s",
  run = function()
    string.pack("c1000000000", "x")
  end,
}
