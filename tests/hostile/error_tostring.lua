-- an error that is shown by a __tostring that spins => run: took longer than its time-out
job "error_tostring" {
  timeout = "400ms",
  run = function()
    error(setmetatable({}, { __tostring = function()
      while true do end
    end }))
  end,
}
