"""A small mail server for tests: takes messages over SMTP (RFC 5321) and writes what it understood of them.

    smtp_server.py FOLDER [CERTIFICATE.pem]

Writes FOLDER/port, and for each message FOLDER/N.json with the envelope, the conversation and the message as
Python's own e-mail library reads it. With a certificate it offers STARTTLS, and FOLDER/tls_port is one where TLS
begins at once. The user "ada" has the password "secret". What a recipient's name begins with decides:
"refused" gets 550, "later" 451, "silent" no answer at all; a message from "lines" is refused over two lines.
"""

import base64
import email
import email.policy
import hashlib
import json
import pathlib
import socketserver
import ssl
import sys
import threading

folder = pathlib.Path(sys.argv[1])
certificate = sys.argv[2] if len(sys.argv) > 2 else None
count = 0
lock = threading.Lock()


def describe(data):
    message = email.message_from_bytes(data, policy=email.policy.default)
    parts = []
    for part in message.walk():
        if part.is_multipart():
            parts.append({"type": part.get_content_type()})
            continue
        content = part.get_payload(decode=True)
        parts.append({
            "type": part.get_content_type(),
            "name": part.get_filename(),
            "encoding": part["content-transfer-encoding"],
            "sha256": hashlib.sha256(content).hexdigest(),
            "size": len(content),
            "text": content.decode() if len(content) < 2000 and part.get_content_maintype() == "text" else None,
        })
    return {
        "headers": {name.lower(): str(value) for name, value in message.items()},
        "defects": [str(defect) for part in message.walk() for defect in part.defects],
        "longest_line": max(len(line) for line in data.split(b"\r\n")),
        "bare_breaks": data.replace(b"\r\n", b"").count(b"\n") + data.replace(b"\r\n", b"").count(b"\r"),
        "parts": parts,
    }


def tls_context():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


class Session(socketserver.StreamRequestHandler):
    def say(self, text):
        self.wfile.write(text.encode() + b"\r\n")
        self.wfile.flush()

    def read(self):
        line = self.rfile.readline()
        self.is_open = line != b""
        text = line.decode("latin-1").rstrip("\r\n")
        self.lines.append(text)
        return text

    def encrypt(self):
        self.connection = tls_context().wrap_socket(self.connection, server_side=True)
        self.setup_files()
        self.is_encrypted = True

    def setup_files(self):
        self.rfile = self.connection.makefile("rb")
        self.wfile = self.connection.makefile("wb")

    def handle(self):
        self.lines, self.is_encrypted, self.user = [], False, None
        self.sender, self.recipients, self.is_open = None, [], True
        if self.server.is_tls:
            self.encrypt()
        self.say("220 test.invalid ESMTP")
        while self.is_open:
            line = self.read()
            command = getattr(self, "do_" + line[:4].strip().lower(), None)
            if command:
                command(line)
            elif self.is_open:
                self.say("500 what?")

    def do_ehlo(self, line):
        self.say("250-test.invalid")
        if certificate and not self.is_encrypted:
            self.say("250-STARTTLS")
        self.say("250-AUTH PLAIN")
        self.say("250 SIZE 50000000")

    def do_star(self, line):
        if not certificate or self.is_encrypted:
            return self.say("454 no TLS")
        self.say("220 go ahead")
        self.encrypt()

    def do_auth(self, line):
        words = line.split()
        if len(words) == 2:
            self.say("334 ")
            words.append(self.read())
        user, password = base64.b64decode(words[2]).decode().split("\0")[1:]
        if (user, password) != ("ada", "secret"):
            return self.say("535 5.7.8 not with this password")
        self.user = user
        self.say("235 welcome")

    def do_mail(self, line):
        self.sender = line[line.index("<") + 1:line.index(">")]
        if self.sender.startswith("lines"):
            self.say("550-5.7.1 we take nothing")
            return self.say("550 5.7.1 from \x1b[31myou")
        self.say("250 ok")

    def do_rcpt(self, line):
        recipient = line[line.index("<") + 1:line.index(">")]
        if recipient.startswith("refused"):
            return self.say("550 5.1.1 nobody of that name")
        if recipient.startswith("later"):
            return self.say("451 4.3.0 come again")
        if recipient.startswith("silent"):
            return None
        self.recipients.append(recipient)
        self.say("250 ok")

    def do_data(self, line):
        global count
        self.say("354 go on")
        data = bytearray()
        while True:
            part = self.rfile.readline()
            if part in (b".\r\n", b""):
                break
            data += part[1:] if part.startswith(b".") else part
        with lock:
            count += 1
            number = count
        path = folder / f"{number}.part"
        path.write_text(json.dumps({
            "sender": self.sender, "recipients": self.recipients, "user": self.user,
            "is_encrypted": self.is_encrypted, "lines": self.lines, "message": describe(bytes(data)),
        }))
        path.rename(folder / f"{number}.json")
        self.say(f"250 queued as {number}")

    def do_quit(self, line):
        self.say("221 bye")
        self.is_open = False


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    is_tls = False

    def handle_error(self, request, client_address):
        pass  # a client that goes away is no fault of the server's


def serve(is_tls, name):
    server = Server(("127.0.0.1", 0), Session)
    server.is_tls = is_tls
    path = folder / (name + ".part")
    path.write_text(str(server.server_address[1]))
    path.rename(folder / name)
    threading.Thread(target=server.serve_forever).start()


if certificate:
    serve(True, "tls_port")
serve(False, "port")
