--- email against a small mail server, which tells what arrived as Python's e-mail library reads it.

local daemon = require "support.daemon"
local dkjson = require "dkjson"

local quote = daemon.quote

--- A mail server in a folder of its own.
local function start_server(with_tls)
  local home = daemon.new()
  local folder = home.root
  local certificate = ""
  if with_tls then
    certificate = folder .. "/certificate.pem"
    local made = os.execute(("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 "
      .. "-subj /CN=localhost -keyout %s/key.pem -out %s/cert.pem >/dev/null 2>&1 && cat %s/key.pem %s/cert.pem >%s")
      :format(folder, folder, folder, folder, certificate))
    assert(made, "openssl makes a certificate")
  end
  local server = { folder = folder, home = home, taken = 0 }
  local command = "cd %s; python3 %s/tests/support/smtp_server.py . %s >log 2>&1 & echo $!"
  server.pid = tonumber((daemon.shell(command:format(quote(folder), quote(daemon.project), certificate))))
  local function port(name)
    return tonumber((daemon.wait_until(function()
      return daemon.read_file(folder .. "/" .. name)
    end, 15, "the mail server listens")))
  end
  server.port = port "port"
  server.tls_port = with_tls and port "tls_port"
  return server
end

local function stop_server(server)
  os.execute("kill " .. server.pid)
  server.home:close()
end

--- The next message that has arrived.
local function next_message(server)
  server.taken = server.taken + 1
  local path = ("%s/%d.json"):format(server.folder, server.taken)
  local message = dkjson.decode(daemon.wait_until(function() return daemon.read_file(path) end, 10, "a message"))
  assert.same({}, message.message.defects)
  assert.equal(0, message.message.bare_breaks)
  assert.is_true(message.message.longest_line <= 998)
  return message
end

describe("email.send", function()
  local d, plain, secure

  setup(function()
    plain, secure = start_server(false), start_server(true)
    d = daemon.new { env = { PLAIN = "smtp://127.0.0.1:" .. plain.port, START = "smtp://127.0.0.1:" .. secure.port,
      SECURE = "smtps://127.0.0.1:" .. secure.tls_port } }
    -- What comes back is text: the id, or the code and the sentence.
    d:write("mailer.lua", [[
      return function(options)
        for name, value in pairs { server = env.PLAIN, from = "shop@example.org", to = "ada@example.org" } do
          if options[name] == nil then
            options[name] = value
          end
        end
        local ok, receipt, message, code = pcall(email.send, options)
        if not ok then
          return "raised: " .. receipt
        end
        return receipt and receipt.id or code .. ": " .. message
      end
    ]])
    daemon.write_file(d.jobs_folder .. "/orders.csv", "id;price\n1;2.50\n")
    d:start()
  end)

  teardown(function()
    d:close()
    stop_server(plain)
    stop_server(secure)
  end)

  --- At the prompt; the options are Lua text.
  local function send(options)
    local result = d:cli_with(("print((require 'mailer')(%s))\n"):format((options:gsub("\n%s*", " "))), "repl")
    assert.equal(0, result.status, result.err)
    return (result.out:gsub("\n$", ""))
  end

  it("sends a text to one address", function()
    local id = send '{ subject = "Hello", text = "Dear Ada,\\n.\\n.dots\\nbye" }'
    local message = next_message(plain)
    assert.equal("shop@example.org", message.sender)
    assert.same({ "ada@example.org" }, message.recipients)
    assert.is_false(message.is_encrypted)
    local headers = message.message.headers
    assert.equal(id, headers["message-id"])
    assert.equal("Hello", headers.subject)
    assert.equal("ada@example.org", headers.to)
    assert.matches("^%a%a%a, %d%d %a%a%a %d%d%d%d %d%d:%d%d:%d%d [+-]%d%d%d%d$", headers.date)
    assert.equal("Dear Ada,\r\n.\r\n.dots\r\nbye\r\n", message.message.parts[1].text)
    assert.equal("text/plain", message.message.parts[1].type)
  end)

  it("writes names, subjects and file names of any script", function()
    send [[{
      from = '"Bücher, Shop" <shop@example.org>', to = { "Ada <ada@example.org>", "O'Neil, Jr. <o@example.org>" },
      cc = "Łukasz Żółć <l@example.org>", bcc = "hidden@example.org", reply_to = "help@example.org",
      subject = ("Grüße aus dem Süden, 日本語 "):rep(8), text = "Grüße\n" .. ("x"):rep(2000),
      headers = { ["X-Priority"] = 1, ["X-Note"] = "ünter" },
      attachments = { { data = "a", name = "résumé 日本.pdf" } },
    }]]
    local message = next_message(plain)
    local headers = message.message.headers
    assert.same({ "ada@example.org", "o@example.org", "l@example.org", "hidden@example.org" }, message.recipients)
    assert.equal(("Grüße aus dem Süden, 日本語 "):rep(8):gsub(" $", ""), (headers.subject:gsub(" $", "")))
    assert.equal('"Bücher, Shop" <shop@example.org>', headers.from)
    assert.equal("Ada <ada@example.org>, \"O'Neil, Jr.\" <o@example.org>", headers.to)
    assert.equal("Łukasz Żółć <l@example.org>", headers.cc)
    assert.is_nil(headers.bcc)
    assert.equal("help@example.org", headers["reply-to"])
    assert.equal("1", headers["x-priority"])
    assert.equal("ünter", headers["x-note"])
    assert.equal("multipart/mixed", message.message.parts[1].type)
    assert.equal("base64", message.message.parts[2].encoding)
    assert.equal("résumé 日本.pdf", message.message.parts[3].name)
    assert.equal("application/pdf", message.message.parts[3].type)
  end)

  it("sends text with HTML, and attachments from files and from memory", function()
    send [[{
      subject = "Orders", text = "plain", html = "<b>bold</b>",
      attachments = { "orders.csv", { data = ("\0\1\2\xff"):rep(500000), name = "big.bin" },
        { data = "", name = "empty.txt", type = "text/x-none" } },
    }]]
    local parts = next_message(plain).message.parts
    local kinds = {}
    for i, part in ipairs(parts) do
      kinds[i] = part.type
    end
    assert.same({ "multipart/mixed", "multipart/alternative", "text/plain", "text/html", "text/csv",
      "application/octet-stream", "text/x-none" }, kinds)
    assert.equal("<b>bold</b>", parts[4].text)
    assert.equal("id;price\n1;2.50\n", parts[5].text)
    assert.equal("orders.csv", parts[5].name)
    assert.equal(2000000, parts[6].size)
    local expected = daemon.shell("python3 -c \"import hashlib; "
      .. "print(hashlib.sha256(bytes([0, 1, 2, 255]) * 500000).hexdigest())\"")
    assert.equal(expected, parts[6].sha256 .. "\n")
    assert.equal(0, parts[7].size)
  end)

  it("logs in, over TLS from the start or by STARTTLS", function()
    send '{ server = env.START, verify = false, user = "ada", password = "secret", subject = "1" }'
    local message = next_message(secure)
    assert.is_true(message.is_encrypted)
    assert.equal("ada", message.user)
    send '{ server = env.SECURE, verify = false, user = "ada", password = "secret", subject = "2" }'
    assert.is_true(next_message(secure).is_encrypted)
    send(('{ server = "smtps://localhost:%d", ca_file = "%s", subject = "3" }'):format(secure.tls_port,
      secure.folder .. "/cert.pem"))
    assert.is_true(next_message(secure).is_encrypted)
    send '{ server = env.START, verify = false, subject = "3" }'
    assert.is_true(next_message(secure).is_encrypted)
    send '{ server = env.START, starttls = false, subject = "4" }'
    assert.is_false(next_message(secure).is_encrypted)
    send '{ user = "ada", password = "secret", starttls = false, subject = "5" }'
    assert.equal("ada", next_message(plain).user)
  end)

  it("sends a password on no connection that was made without TLS", function()
    -- One state, and so one worker, one after the other.
    local login = 'user = "ada", password = "secret"'
    local typed = "local send = require 'mailer' print(send { %s, starttls = false }) print(send { %s })\n"
    local result = d:cli_with(typed:format(login, login), "repl")
    next_message(plain)
    assert.matches("\nunavailable: [^\n]* does not offer STARTTLS\n$", result.out)
  end)

  it("says what the server refuses, and why", function()
    local at = "smtp://127.0.0.1:" .. plain.port .. ": "
    for options, expected in pairs {
      ['{ to = "refused@example.org" }'] =
        "refused: " .. at .. "the server refuses the message: 550 5.1.1 nobody of that name",
      ['{ to = { "a@example.org", "later@example.org" } }'] =
        "unavailable: " .. at .. "the server refuses the message: 451 4.3.0 come again",
      ['{ from = "lines@example.org" }'] =
        "refused: " .. at .. "the server refuses the message: 550 5.7.1 we take nothing 5.7.1 from \\x1b[31myou",
      ['{ user = "ada", password = "wrong", starttls = false }'] =
        "permission: " .. at .. "the server refuses the login: 535 5.7.8 not with this password",
      ['{ user = "ada", password = "secret" }'] = "unavailable: " .. at .. "the server does not offer STARTTLS",
      ['{ to = "silent@example.org", timeout = 0.3 }'] = "timeout: " .. at .. "timed out",
      ['{ to = "silent@example.org", timeout = 0.0001 }'] = "timeout: " .. at .. "timed out",
      ['{ server = "smtp://127.0.0.1:1" }'] = "unavailable: smtp://127.0.0.1:1: could not connect: Connection refused",
      ['{ server = env.SECURE }'] = "permission: smtps://127.0.0.1:" .. secure.tls_port .. ": SSL",
      ['{ attachments = { "none.csv" } }'] = "not_found: read none.csv: No such file or directory",
    } do
      local result = send(options)
      assert.equal(expected, result:sub(1, #expected), options)
    end
  end)

  it("refuses what could break out of a header, and misuse", function()
    for options, expected in pairs {
      ['{ subject = "a\\nBcc: x@example.org" }'] = "subject must not hold a line break or another control character",
      ['{ to = "a@example.org\\r\\nDATA" }'] = "to must not hold a line break",
      ['{ from = "A\\r\\nX: 1 <a@example.org>" }'] = "from must not hold a line break",
      ['{ to = "a@example.org> SIZE=1 <b@example.org" }'] = "is no address",
      ['{ to = "nobody" }'] = 'to: "nobody" is no address; write ada@example.org or Ada <ada@example.org>',
      ['{ to = "ädä@example.org" }'] = "has letters that are not ASCII",
      ['{ to = {} }'] = "to is empty",
      ['{ headers = { ["X-A"] = "1\\n2" } }'] = "header X-A must not hold a line break",
      ['{ headers = { ["X-A: 1\\nB"] = "2" } }'] = "is not valid",
      ['{ headers = { Bcc = "x" } }'] = "header Bcc is made by email.send itself",
      ['{ attachments = { { data = "x", name = "a\\r\\nb" } } }'] = "attachments[1].name must not hold a line break",
      ['{ attachments = { { data = "x", name = "a", type = "x\\ny" } } }'] =
        "attachments[1].type must be like text/csv",
      ['{ text = "\\xff" }'] = "text is not valid UTF-8",
      ['{ user = "ada", password = "a\\0b" }'] = "password must not hold a line break",
      ['{ user = "ada" }'] = "user and password go together",
      ['{ server = "smtp://u:p@host" }'] = "user and password are options, no part of server",
      ['{ server = "http://host" }'] = 'server must begin with smtp:// or smtps://, got "http://host"',
      ['{ subjct = "x" }'] = 'unknown option "subjct", did you mean "subject"?',
    } do
      local result = send(options)
      assert.matches("^raised: [^\n]*email.send", result)
      assert.matches(expected, result, 1, true)
    end
  end)
end)
