-- a __concat that spins => run: took longer than its time-out
job "concat_meta" {
  timeout = "400ms",
  run = function()
    local t = setmetatable({}, { __concat = function()
      while true do end
    end })
    return t .. "x"
  end,
}
