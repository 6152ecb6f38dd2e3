-- JSON of a list that holds another a thousand times => run: more than 64 MiB of JSON
job "json_repeated" {
  timeout = "5m",
  run = function()
    local numbers, lists = {}, {}
    for i = 1, 1e6 do
      numbers[i] = math.maxinteger
    end
    for i = 1, 1000 do
      lists[i] = numbers
    end
    json.encode(lists)
  end,
}
