-- an innocent trim of many blanks, for ever => run: took longer than its time-out
job "pattern_trim" {
  timeout = "400ms",
  run = function()
    local blanks = (" "):rep(1000000) .. "x"
    while true do
      blanks:match("^(.-)%s*$")
    end
  end,
}
