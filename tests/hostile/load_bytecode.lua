-- a chunk that is bytecode => run: no bytecode
job "load_bytecode" {
  timeout = "30s",
  run = function()
    load("\27Lua", "x", "b")
  end,
}
