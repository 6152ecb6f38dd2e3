--- http over TLS: a server that nobody vouches for is refused unless a script says otherwise.

local daemon = require "support.daemon"

local SERVER = [[
import http.server, pathlib, ssl, sys
folder = pathlib.Path(sys.argv[1])
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body) + 9))
        self.end_headers()
        self.wfile.write(b'{"got": ' + body + b'}')
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
server.socket = context.wrap_socket(server.socket, server_side=True)
(folder / "port.part").write_text(str(server.server_address[1]))
(folder / "port.part").rename(folder / "port")
server.serve_forever()
]]

describe("https", function()
  local d, pid, port

  setup(function()
    d = daemon.new()
    d:sh("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost "
      .. "-keyout key.pem -out cert.pem 2>/dev/null; cp cert.pem $J/")
    daemon.write_file(d.root .. "/server.py", SERVER)
    pid = tonumber((daemon.shell(("cd %s; python3 server.py . >/dev/null 2>&1 & echo $!"):format(d.root))))
    port = daemon.wait_until(function() return daemon.read_file(d.root .. "/port") end, 15, "the server listens")
    d:start()
  end)

  teardown(function()
    os.execute("kill " .. pid)
    d:close()
  end)

  local function post(host, options)
    local result = d:cli_with(([[local r, m, c = http.post("https://%s:%s/", { json = { a = 1 }, %s }) ]]
      .. "print(r and json.encode(r:json()) or c .. ' ' .. m)\n"):format(host, port, options), "repl")
    assert.equal("", result.err)
    return result.out
  end

  it("refuses a certificate that nobody vouches for", function()
    assert.matches("^permission POST https://localhost:%d+/: SSL certificate problem", post("localhost", ""))
  end)

  it("takes one that the script trusts, for its own name only", function()
    assert.equal('{"got":{"a":1}}\n', post("localhost", 'ca_file = "cert.pem"'))
    assert.matches("^permission POST https://127.0.0.1:%d+/: SSL", post("127.0.0.1", 'ca_file = "cert.pem"'))
  end)

  it("trusts no connection that was made without looking", function()
    local url = ('"https://localhost:%s/"'):format(port)
    local result = d:cli_with(([[local function ask(o) o.json = 1 return (http.post(%s, o)) ~= nil end ]]
      .. 'print(ask { verify = false }, ask {}, ask { ca_file = "cert.pem" }, ask {})\n'):format(url), "repl")
    assert.equal("true\tfalse\ttrue\tfalse\n", result.out)
  end)

  it("looks away when it is told to", function()
    assert.equal('{"got":{"a":1}}\n', post("127.0.0.1", "verify = false"))
  end)
end)
