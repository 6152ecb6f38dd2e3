-- a billion values at once => run: too many results to unpack
job "unpack_huge" {
  timeout = "30s",
  run = function()
    table.unpack({}, 1, 1 << 30)
  end,
}
