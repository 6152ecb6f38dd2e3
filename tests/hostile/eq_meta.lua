-- an __eq that spins => run: took longer than its time-out
job "eq_meta" {
  timeout = "400ms",
  run = function()
    local meta = { __eq = function()
      while true do end
    end }
    return setmetatable({}, meta) == setmetatable({}, meta)
  end,
}
