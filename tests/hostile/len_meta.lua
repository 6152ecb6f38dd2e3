-- a __len that spins beneath table.concat => run: took longer than its time-out
job "len_meta" {
  timeout = "400ms",
  run = function()
    table.concat(setmetatable({}, { __len = function()
      while true do end
    end }))
  end,
}
