-- nothing, very often, and then a spin => run: took longer than its time-out
job "rep_empty" {
  timeout = "400ms",
  run = function()
    (""):rep(1 << 62)
    while true do end
  end,
}
