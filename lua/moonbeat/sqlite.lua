--- SQLite for scripts: their own database files, queried without blocking anybody. Everything here
-- raises on failure, since a statement that fails is nearly always a mistake in it.
--
--   local db = sqlite.open("orders.db")
--   for order in db:rows("SELECT * FROM orders WHERE status = ?", "pending") do ... end
--
-- Values: integers, floats, strings, booleans (as 0 and 1), nil and json.null (as NULL), times (as
-- RFC 3339 text in UTC), and sqlite.blob(bytes). Parameters follow the statement one by one, or are
-- one table: names for :name, @name and $name. A NULL in a row is a missing field.

local raw = ...

---@class sqlite
local sqlite = {}

---@class sqlite.database
local database = raw.sqlite_methods

---@class sqlite.open_options
---@field readonly? boolean only SELECT; the file must be there
---@field create? boolean false: the file must be there
---@field busy_timeout? number|string how long to wait for another process's lock; "5s"
---@field foreign_keys? boolean false: do not enforce REFERENCES

--- Opens a database file, which is made when it is not there; a relative path begins at the jobs
-- folder. ":memory:" is a database that lives as long as it is open. A script may have 256 open.
---@param path string
---@param options? sqlite.open_options
---@return sqlite.database
function sqlite.open(path, options)
  options = raw.check_options("sqlite.open", options, "readonly", "create", "busy_timeout", "foreign_keys")
  return raw.sqlite_open(path, options.readonly and true or false, options.create ~= false,
    options.busy_timeout, options.foreign_keys ~= false)
end

--- Bytes to be stored as a BLOB and not as text.
---@param bytes string
---@return userdata
sqlite.blob = raw.sqlite_blob

--- The version of SQLite, "3.40.1".
---@type string
sqlite.version = raw.sqlite_version

--- Runs a statement, or several divided by ";" when there are no parameters. Returns how many rows
-- were inserted, changed or deleted.
---@param sql string
---@param ... any parameters
---@return integer changes
database.exec = raw.sqlite_exec

--- An iterator over the rows, each a table by column name; they are fetched in small lots, so that
-- any number will do. In a generic `for` the query ends with the loop, also by break or error.
---@param sql string
---@param ... any parameters
---@return fun(): table?
---@return nil
---@return nil
---@return any close
database.rows = raw.sqlite_rows

--- The same as rows.
---@param sql string
---@param ... any parameters
---@return fun(): table?
---@return nil
---@return nil
---@return any close
database.query = raw.sqlite_rows

--- All rows, as a list of tables by column name.
---@param sql string
---@param ... any parameters
---@return table[] rows
database.all = raw.sqlite_all

--- The first row, or nil.
---@param sql string
---@param ... any parameters
---@return table? row
database.row = raw.sqlite_row

--- The first column of the first row; nil when there is none, or for NULL.
---@param sql string
---@param ... any parameters
---@return any value
database.value = raw.sqlite_value

--- The rowid of the row that was inserted last through this database.
---@return integer
database.last_insert_id = raw.sqlite_last_insert_id

--- Waits for what is under way and closes the database. Closing twice is fine.
database.close = raw.sqlite_close

--- Runs `action(db, ...)` in a transaction: committed when it returns, rolled back when it raises (or
-- the run is killed). Other runs' statements on this database wait until it is over. Within a
-- transaction it is a savepoint, which can be rolled back alone.
---@param action fun(db: sqlite.database, ...: any): ...
---@param ... any handed to action
---@return any ... what action returned
function database:transaction(action, ...)
  if type(action) ~= "function" then
    raw.fail(("db:transaction: action must be a function, got %s"):format(raw.type_name(action)))
  end
  local outermost = raw.sqlite_begin(self)
  local results = table.pack(pcall(action, self, ...))
  if not results[1] then
    raw.sqlite_rollback(self, outermost)
    error(results[2], 0)
  end
  raw.sqlite_commit(self, outermost)
  return table.unpack(results, 2, results.n)
end

return sqlite
