-- a __close that spins at the end of a block => run: took longer than its time-out
job "close_spin" {
  timeout = "400ms",
  run = function()
    do
      local _ <close> = setmetatable({}, { __close = function()
        while true do end
      end })
    end
  end,
}
