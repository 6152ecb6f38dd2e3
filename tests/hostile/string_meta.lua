-- the methods of all texts replaced by a spin => run: took longer than its time-out
job "string_meta" {
  timeout = "400ms",
  run = function()
    string.upper = function()
      while true do end
    end
    ("x"):upper()
  end,
}
