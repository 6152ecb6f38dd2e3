--- A shop whose unpaid orders are cancelled 15 minutes after being placed, with a nightly count.
-- Each order gets a job of its own, added when it is placed, which survives restarts.
--
-- Orders lie in ../data/shop.db. Customers are played by the job "shop_customer"; a real shop would
-- call place_order, or `moonbeat add`, from its own code.

local PATIENCE = os.getenv "SHOP_PATIENCE" or "15m"

assert(fs.mkdir("../data", { parents = true }))
local db = sqlite.open "../data/shop.db"
db:exec [[
  CREATE TABLE IF NOT EXISTS orders (
    id INTEGER PRIMARY KEY,
    customer TEXT NOT NULL,
    status TEXT NOT NULL DEFAULT 'unpaid',
    placed_at TEXT NOT NULL,
    closed_at TEXT
  )
]]

--- Run by the job of one order, when its time is up.
function cancel_unpaid(run, order)
  local changed = db:exec("UPDATE orders SET status = 'cancelled', closed_at = ? WHERE id = ? AND status = 'unpaid'",
    run.scheduled_at, order)
  log.info("order %d: %s", order, changed == 1 and "cancelled, nobody paid" or "is paid")
  return changed == 1 and "cancelled" or "paid"
end

function place_order(customer)
  local order = db:value("INSERT INTO orders (customer, placed_at) VALUES (?, ?) RETURNING id", customer, time.now())
  assert(scheduler.add_job {
    id = "order-" .. order,
    func = cancel_unpaid,
    args = { order },
    trigger = after(PATIENCE),
    replace_existing = true,
    tags = { "order" },
  })
  return order
end

function pay(order)
  db:exec("UPDATE orders SET status = 'paid', closed_at = ? WHERE id = ? AND status = 'unpaid'", time.now(), order)
end

--- Two in three pay.
job "shop_customer" {
  trigger = every "20s",
  run = function()
    local names = { "Ada", "Grace", "Edsger", "Barbara", "Donald", "Leslie" }
    local customer = names[math.random(#names)]
    local order = place_order(customer)
    log.info("%s placed order %d", customer, order)
    sleep "2s"
    if order % 3 ~= 0 then
      pay(order)
      log.info("%s paid order %d", customer, order)
    end
    return order
  end,
}

--- How yesterday ended; also tidies away the jobs of orders that are closed.
job "shop_count" {
  trigger = cron "5 0 * * *",
  run = function(run)
    local day = run.scheduled_at:date "-1d"
    local count = { day = day, paid = 0, cancelled = 0 }
    local closed = "SELECT status, count(*) AS n FROM orders WHERE date(closed_at, 'localtime') = ? GROUP BY status"
    for row in db:rows(closed, day) do
      count[row.status] = row.n
    end
    for _, order in ipairs(assert(scheduler.get_jobs { tag = "order", state = "finished" })) do
      order:remove()
    end
    log.info("%s: %d orders paid, %d cancelled", day, count.paid, count.cancelled)
    return count
  end,
}
