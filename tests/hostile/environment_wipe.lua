-- every global thrown away, then a spin => run: took longer than its time-out
job "environment_wipe" {
  timeout = "400ms",
  run = function()
    local all = _G
    for name in pairs(all) do
      all[name] = nil
    end
    while true do end
  end,
}
