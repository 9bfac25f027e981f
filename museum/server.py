#!/usr/bin/env python3
"""A peerline server in one file, as docs/PROTOCOL.md describes it, and a museum of the bugs that such servers have.

Without --bug it is right. With --bug NAME it has one classic bug: look for bug("NAME"), and read museum/NAME.md.

Each client has two threads: the *reader* takes lines from its socket and carries out one after the other; the *writer*
sends what did not fit into the socket at once, and datagrams, and keeps the clock. What threads share is guarded by one
lock, House.lock, and nobody waits for the network or hashes while holding it.

It is for clients on its own machine, and leaves out `probe`, REACH, being found, guests, and what becomes of a message
whose receiver is lost.
"""
import argparse, csv, hashlib, hmac, os, random, re, secrets, select, signal, socket, struct, sys, tempfile
import threading, time
from time import monotonic as clock                       # the time of day may be set, and jump: this one never does

BUGS = {
    "one-read-one-message": "what one read brings is taken for a line",
    "rest-thrown-away": "what is behind the first line of a read is thrown away",
    "no-cap": "a line is collected until its end comes, if it comes",
    "decodes-each-read": "what one read brings is made text, then cut into lines",
    "check-then-act": "a name is looked up, and taken some time later",
    "ok-before-disk": "OK is said when the account is in a buffer of the program",
    "parse-without-check": "a number from outside is converted without a look",
    "two-writes": "a line and its end are two writes, and another thread writes too",
    "cut-at-every-underscore": "a text with underscores is cut at each of them",
    "ticket-after-answer": "who asks is answered before the other has its ticket",
    "one-at-a-time": "the thread that accepts also serves",
    "waits-for-the-slow": "a write waits until the other side has read",
    "dies-with-a-client": "SIGPIPE, the news that a client has gone, ends the server",
    "eof-not-seen": "a read of no bytes is read once more",
    "never-closed": "a connection that is over is forgotten, and not closed",
    "goodbye-by-reset": "the connection is broken off behind the last line",
    "udp-once": "a hello says that somebody is there, and not what is missing",
    "hello-from-anywhere": "whoever knows the token may say where datagrams go",
    "no-reuseaddr": "the port is asked for without SO_REUSEADDR",
    "numbers-from-one": "the number of the last broadcast is kept in memory",
}
LINE, TEXT, FILES, PIECE, DATAGRAM, UNREAD, HISTORY = 4096, 1024, 1 << 20, 64 << 10, 1200, 1 << 20, 16 << 20  # bytes
MENU = """signup (SIGNUP,name,password)|login (LOGIN,name,password)|list (or 1)|GET_U|GET_P,name|GET_UF,name|GET_AF|\
whoami|here|bcast_TEXT (or 2)|msg_TEXT_ADDR|connect_ADDR (or ADDR)|relay_TEXT_ADDR|INIT,name,port,file,...|\
SHARE,file,...|active|inactive|help|quit (or exit)""".split("|")
HELLO = re.compile(rb"hello_([0-9a-f]{32})_(N)(?:_(N)_((?:N-N(?:,N-N){0,15})?))?".replace(b"N", rb"\d{1,18}"))

def bug(name):
    return name == options.bug

def let_others_in():
    """Now and then the system lets others in at such a place, and a race is lost. The museum does it each time."""
    time.sleep(0.02)

class Refused(Exception):
    """The answer to a line is `ERR,` and this text."""

def counted(n, thing):
    return f"{n} {thing}" if n == 1 else f"{n} {thing}s"

def quoted(field):
    return '"' + field.replace('"', '""') + '"' if "," in field or field.startswith('"') else field

def decoded(data):
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise Refused("This is not UTF-8")

class Accounts:
    """Who may log in: the file users.csv, a line `name,salt,hash` each."""
    def __init__(self, path):
        self.lock, self.file, self.users = threading.Lock(), open(path, "a+"), {}
        self.file.seek(0)
        whole = "".join(self.file.read().rpartition("\n")[:2])          # half a line was never answered with OK
        self.file.truncate(len(whole))
        for line in whole.splitlines():
            self.users[line.split(",")[0].lower()] = line.split(",")

    def hash(self, password, salt):
        return hashlib.scrypt(password.encode(), salt=bytes.fromhex(salt), n=1 << options.hash_cost, r=8, p=1).hex()

    def add(self, name, password):
        taken = name.lower() in self.users
        salt = secrets.token_hex(16)
        account = [name, salt, self.hash(password, salt)]               # this takes its time: not under the lock
        with self.lock:
            if not bug("check-then-act"):
                taken = name.lower() in self.users
            if taken:
                raise Refused("Username not available")
            self.file.write(",".join(account) + "\n")
            if not bug("ok-before-disk"):
                self.file.flush()                                       # from the program's buffer to the system's,
                os.fsync(self.file.fileno())                            # and from there to the disk
            self.users[name.lower()] = account

    def check(self, name, password):
        """The name as it was signed up, or None. A name that nobody has takes as long as a wrong password."""
        known, salt, hashed = self.users.get(name.lower(), (None, "00", ""))
        return known if hmac.compare_digest(self.hash(password, salt), hashed) else None

class History:
    """The broadcasts of the last half hour, in memory and in a file; their numbers go on whatever is forgotten."""
    def __init__(self, path, keep):
        self.path, self.keep, self.lines, self.size, self.first, self.top = path, keep, {}, 0, 1, 0
        if os.path.exists(path) and not bug("numbers-from-one"):
            with open(path, "rb") as file:
                for line in file:
                    if line.endswith(b"\n"):
                        self.remember(line, float(line.split(b"_")[2]) if line.startswith(b"bcast_") else None)
        self.write_anew()

    def remember(self, line, when):
        self.top = int(line.split(b"_")[1])
        if when is None:                                                # `head_SEQ`: all up to there is forgotten
            self.first = self.top + 1
        else:
            self.lines[self.top], self.size = (line, when), self.size + len(line)

    def add(self, name, text):
        line = f"bcast_{self.top + 1}_{int(time.time())}_{name}_{text}\n".encode()
        self.file.write(line)
        self.remember(line, time.time())
        self.forget()
        if self.file.tell() > 4 * HISTORY:
            self.write_anew()

    def forget(self):
        while self.lines and (self.size > HISTORY or self.lines[self.first][1] <= time.time() - self.keep):
            self.size -= len(self.lines.pop(self.first)[0])
            self.first += 1

    def write_anew(self):
        self.forget()
        with open(self.path + ".new", "wb") as file:
            file.writelines([b"head_%d\n" % (self.first - 1), *(line for line, _ in self.lines.values())])
            file.flush()
            os.fsync(file.fileno())
        os.replace(self.path + ".new", self.path)
        self.file = open(self.path, "ab", buffering=0)

    def after(self, seq):
        """The numbers and lines behind `seq` that are still there."""
        self.forget()
        for n in range(max(seq + 1, self.first), self.top + 1):
            yield n, self.lines[n][0]

class Client:
    """One connection. `name` is that of the account while somebody is logged in."""
    def __init__(self, house, sock, came_from):
        self.house, self.sock, self.came_from, self.wake = house, sock, came_from, threading.Condition(house.lock)
        self.inbox, self.outbox, self.closing, self.moved = b"", bytearray(), False, clock()
        self.name, self.wrong, self.lines, self.login_by = None, 0, 0, clock() + options.login
        self.allowance, self.filled_at = options.rate * 2, clock()
        self.seen, self.acked = 0, 0                                    # the last broadcast that was sent by TCP, and
                                                                        # that was acknowledged by UDP

    # The reader.

    def serve(self):
        threading.Thread(target=self.write, daemon=True).start()
        try:
            while not self.closing:
                try:
                    self.say(*self.carry_out(self.next_line()))
                except Refused as why:
                    self.say(f"ERR,{why}")
        except (EOFError, OSError):
            pass                                                        # it has left, or is to leave
        finally:
            self.close()

    def next_line(self):
        """Cuts the next line from what the socket brings: half a line, or three, or the end."""
        skipped = 0
        while b"\n" not in self.inbox:
            piece = self.sock.recv(PIECE)
            if not piece and bug("eof-not-seen"):
                continue
            if not piece or self.closing:
                raise EOFError
            if bug("decodes-each-read"):
                piece = decoded(piece).encode()
            self.inbox += piece
            if bug("one-read-one-message"):
                break
            if len(self.inbox) >= LINE and b"\n" not in self.inbox and not bug("no-cap"):
                skipped, self.inbox = skipped + len(self.inbox), b""
            if skipped > (1 << 20 if self.name else 64 << 10):
                self.close("ERR,All this without a line end")
                raise EOFError
        line, _, self.inbox = self.inbox.partition(b"\n")
        if bug("rest-thrown-away"):
            self.inbox = b""
        since, self.filled_at = self.filled_at, clock()
        self.allowance = min(self.allowance + (self.filled_at - since) * options.rate, options.rate * 2)
        if self.allowance < 1:
            raise Refused(f"Too fast: at most {options.rate} lines a second")
        self.allowance -= 1
        self.lines += 1
        if skipped or len(line) >= LINE:
            raise Refused(f"A line has at most {LINE} bytes")
        text = decoded(line[:-1] if line.endswith(b"\r") else line)
        if re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f]", text):
            raise Refused("This holds a control character")
        return text

    def ask(self, prompt):
        self.say(f"OK,{prompt}:")
        while True:
            try:
                return self.next_line()
            except Refused as why:                                      # the question stays open
                self.say(f"ERR,{why}")

    def cut(self, line):
        """A line's words: the command in lower case, and what belongs to it."""
        word = line.strip().lower()
        if re.match("(signup|login|init|share|get_p|get_uf|exit),", word):
            try:
                word, *fields = next(csv.reader([line], strict=True))
            except csv.Error as error:
                raise Refused(f"This is no CSV record: {error}")
            return [word.strip().lower(), *fields]
        if re.match("(msg|relay)_.+_", word):
            command, _, rest = line.strip().partition("_")
            text, _, address = rest.rpartition("_")
            if bug("cut-at-every-underscore"):
                text = rest.split("_")[0]
            return [command.lower() + "_", text, address.strip()]
        if re.match("(bcast|connect)_", word):
            command, _, rest = line.lstrip().partition("_")
            return [command.lower() + "_", rest]
        return [word]

    def carry_out(self, line):
        """Does what a line says. Returns the answer."""
        words = self.cut(line)
        word, count, name, house = words[0], len(words) - 1, self.name, self.house
        if words == ["help"]:
            return [*(f"menu_{text}" for text in MENU), f"OK,{counted(len(MENU), 'command')}"]
        if word in ("quit", "exit") and count == 0 or word == "exit" and count == 1:
            if count == 1 and name and words[1].lower() != name.lower():
                raise Refused(f"You are not {words[1]}")
            self.close("OK,Goodbye")
            return []
        if word in ("signup", "login") and count in (0, 2):
            if name:
                raise Refused(f"You are logged in as {name}: send quit first")
            name, password = words[1:] if count else (self.ask("Username").strip(), self.ask("Password"))
            if word == "login":
                return self.log_in(name, password)
            if count == 0 and self.ask("Password again") != password:
                raise Refused("Passwords do not match")
            return self.sign_up(name, password)
        if not name:
            raise Refused("Log in first: send login or signup")
        if words == ["2"]:
            words = ["bcast_", self.ask("Message")]
        with house.lock:
            if self.name != name:
                raise Refused("Your session is over")
            if word not in ("msg_", "relay_") or count != 2:            # `msg_` alone is a word, and nobody's name
                return self.as_member(words)
            to = house.find(words[2], self)
        return self.introduce(to, "Deliver it to") if word == "msg_" and to.port else self.relay(to, words[1])

    def as_member(self, words):
        """What somebody who is logged in may say. The lock is held."""
        word, count, house = words[0], len(words) - 1, self.house
        if words in (["list"], ["1"]):
            listed = house.listed()
            lines = [f"client_{c.name}_{c.ip}:{c.port}" for c in listed]
            return [*lines, f"OK,{counted(len(lines), 'active client')}"]
        if words == ["get_u"]:
            return [",".join(["OK", *(c.name for c in house.listed())])]
        if word == "get_p" and count == 1:
            found = house.named(words[1])
            return [f"OK,{found.ip},{found.port}"]
        if words == ["get_af"] or word == "get_uf" and count == 1:
            owners = [house.named(words[1])] if count else house.listed()
            lists = [(c.name, list(c.files)) for c in owners]
            for owner, files in lists:
                for i in range(0, len(files), 100):
                    self.say(",".join([f"files_{owner}", *map(quoted, files[i:i + 100])]))
            return [f"OK,{counted(sum(len(files) for _, files in lists), 'file')}"]
        if words == ["whoami"]:
            return [f"OK,{self.name},{self.ip},{self.port}"]
        if words == ["here"]:
            return ["OK"]
        if words in (["active"], ["inactive"]):
            self.active = word == "active"
            return [f"OK,You are {word}"]
        if word == "init" and count >= 2 and words[1].lower() == self.name.lower():
            if not bug("parse-without-check"):
                if not re.fullmatch("[0-9]{1,5}", words[2]) or not 1 <= int(words[2]) <= 65535:
                    raise Refused("A port is a number from 1 to 65535")
            again, self.port, self.files = self.told, int(words[2]), {}
            self.told = True
            self.share(words[3:])
            return ["UP" if again else "OK"]
        if word == "share":
            self.share(words[1:])
            return ["UP"]
        if word == "bcast_" and 0 < len(words[1].encode()) <= TEXT:
            house.history.add(self.name, words[1])
            self.hold_until = 0                                         # who speaks by TCP need not wait for a hello
            for member in house.members.values():
                member.push()
            return [f"OK,Broadcast {house.history.top} sent to {counted(len(house.members), 'client')}"]
        if word == "connect_" or count == 0 and re.fullmatch(r"\S+", word):
            to = house.find(words[-1], self)
            if not to.port:
                raise Refused(f"{to.name} does not listen: try msg_TEXT_{to.name}")
            return self.introduce(to, "Connect to")
        raise Refused("That is too long, or of another form: try help")

    def share(self, names):
        self.files.update(dict.fromkeys(filter(None, names)))
        if len(self.files) > 10000 or sum(len(quoted(name).encode()) + 1 for name in self.files) > FILES:
            self.files = {}
            raise Refused("At most 10,000 names and 1 MiB of them: none are listed any more")

    def relay(self, to, text):
        if bug("two-writes"):
            to.put(f"msg_{self.known_as}_{text}", end="")
            let_others_in()
            to.put("")
        else:
            to.put_if_it_reads(f"msg_{self.known_as}_{text}")
        return [f"OK,Relayed to {to.name}"]

    def introduce(self, to, what):
        ticket = secrets.token_hex(16)
        answer = f"ticket_{to.name}_{ticket}\npeer_{to.ip}:{to.port}\nOK,{what} {to.name} at {to.ip}:{to.port}"
        if bug("ticket-after-answer"):
            self.say(answer)
            let_others_in()
            answer = None
        to.put_if_it_reads(f"ticket_{self.known_as}_{ticket}")
        return [answer] if answer else []

    def sign_up(self, name, password):
        if not re.fullmatch("[A-Za-z0-9][A-Za-z0-9.-]{0,14}", name) or re.fullmatch(r"\d+(\.\d+){3}", name):
            raise Refused("A name has 1 to 15 letters, digits, dots, dashes, begins with a letter or digit, is no IP")
        if not 8 <= len(password) <= 128:
            raise Refused("A password has 8 to 128 characters")
        self.house.accounts.add(name, password)
        return [f"OK,Signup successful, {name}: please log in"]

    def log_in(self, name, password):
        time.sleep(min(2 ** self.wrong // 2, 8))                        # after wrong passwords
        known = self.house.accounts.check(name, password)
        self.wrong = 0 if known else self.wrong + 1
        if not known:
            raise Refused("Invalid credentials")
        with self.house.lock:
            if self.closing:
                raise EOFError
            self.house.enter(self, known)
        return []

    # What all threads do.

    def say(self, *lines):
        """The client's own answer: waits for room."""
        with self.wake:
            self.wake.wait_for(lambda: len(self.outbox) < UNREAD or self.closing)
            self.put(*lines)

    def put_if_it_reads(self, line):
        """What others say to it: they do not wait."""
        with self.wake:
            if len(self.outbox) > UNREAD:
                self.drop()
                raise Refused(f"{self.known_as} does not read")
            self.put(line)

    def put(self, *lines, end="\n"):
        with self.wake:
            if not self.closing:
                self.outbox += "".join(f"{line}{end}" for line in lines).encode()
                self.push()

    def push(self, limit=PIECE):
        """Sends what fits; the rest waits in the outbox. The lock is held, so to wait here would stop everybody."""
        if self.name and clock() > self.hold_until and (self.one_way or not self.by_udp()):
            self.seen = max(self.seen, self.acked)
            for seq, line in self.house.history.after(self.seen):
                if len(self.outbox) > limit:
                    break
                self.outbox += line
                self.seen = seq
        try:
            while self.outbox:
                sent = self.sock.send(self.outbox, 0 if bug("waits-for-the-slow") else socket.MSG_DONTWAIT)
                del self.outbox[:sent]
                self.moved = clock()
        except BlockingIOError:
            pass                                                        # the writer goes on when there is room
        except OSError:
            self.outbox.clear()                                         # it has gone: the reader sees that too
        self.wake.notify_all()

    def close(self, *last_words):
        """Leaves, says the last words, and has the writer end the connection."""
        with self.wake:
            if not self.closing:
                self.push(HISTORY)
                self.put(*last_words)
                self.closing = True
                self.house.leave(self)
                self.house.clients.remove(self)
                self.wake.notify_all()

    def drop(self):
        self.outbox.clear()
        self.close()
        self.outbox.clear()

    # The writer.

    def write(self):
        while True:
            with self.wake:
                self.look_at_clock()
                self.push()
                datagram, to = (self.next_datagram(), self.udp_to) if self.name else (None, None)
                if self.closing and not self.outbox:
                    break
                if not self.outbox and not datagram:
                    self.wake.wait(0.1)
            if datagram:
                try:
                    if random.random() >= options.loss:
                        self.house.udp.sendto(datagram, to)
                except OSError:
                    pass                                                # it is lost, as any may be
                time.sleep(0.001)
            elif self.outbox:
                select.select([], [self.sock], [], 0.1)
        self.finish()

    def finish(self):
        """Ends the connection so that the last line arrives: to close with unread bytes is a reset, and may take it."""
        if bug("never-closed"):
            return self.sock.detach()                                   # forgets the socket: the system keeps it
        try:
            if bug("goodbye-by-reset"):
                self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            else:
                self.sock.shutdown(socket.SHUT_WR)
                self.sock.settimeout(2)
                until = clock() + 2
                while clock() < until and self.sock.recv(PIECE):
                    pass
                self.sock.shutdown(socket.SHUT_RDWR)                    # wakes the reader
        except OSError:
            pass
        self.sock.close()

    def look_at_clock(self):
        now = clock()
        if self.outbox and now > self.moved + 10:
            self.drop()                                                 # it does not read
        if not self.outbox:
            self.moved = now
        if self.closing:
            return
        if not self.name:
            if now > self.login_by:
                self.close(f"notice_Not logged in within {options.login:g} s, terminating connection")
        elif now > self.window + options.idle and self.lines < 2:
            self.close("notice_Inactive for too long, terminating connection")
        elif now > self.session + options.relogin:
            self.house.leave(self)
            self.put("notice_Session expired, please log in again")
        elif now > self.window + options.idle:
            self.window, self.lines, self.warned = now, 0, False
        elif now > self.window + options.idle * 5 / 6 and self.lines < 2 and not self.warned:
            self.warned = True
            self.put(f"notice_You are quiet: the connection ends in {options.idle / 6:.0f} s")

    # Broadcasts by UDP.

    def begin(self, name, ip):
        """A login, and what is kept for as long as it lasts."""
        self.name, self.known_as, self.ip, self.token = name, name, ip, secrets.token_hex(16)
        self.active, self.port, self.told, self.files = True, 0, False, {}
        self.lines, self.warned, self.window, self.session = 0, False, clock(), clock()
        self.hold_until = clock() + 0.3                                 # a hello may come: then nothing goes by TCP
        self.seen, self.acked = max(self.seen, self.acked), 0
        self.hello_at, self.udp_to, self.sent = None, None, 0
        self.again, self.head, self.tails = [], None, []                # what a datagram still has to say
        self.unsure, self.one_way, self.before = None, False, self.house.history.top

    def by_udp(self):
        return self.hello_at is not None and clock() < self.hello_at + 15

    def hello(self, sender, last, top, ranges):
        """The client has all up to `last`, or else all up to `top` but for these ranges."""
        history, first = self.house.history, self.hello_at is None
        self.hello_at, self.udp_to = clock(), sender
        if max(last, top) > history.top:
            last, ranges = 0, []                                        # it counts those of a history that was lost
        if last > self.acked:
            self.acked, self.unsure = last, clock() if last < self.sent else None
        if ranges:
            self.again = [seq for first, final in ranges for seq in range(max(first, history.first), final + 1)]
        else:
            if first or not bug("udp-once"):
                self.sent, self.again = last, []                        # and what was sent behind it is sent again
            nearest = max(last + 1, history.first)
            self.head = history.top if nearest > history.top else nearest - 1 if nearest > last + 1 else None
        self.wake.notify_all()

    def next_datagram(self):
        """Whole lines: what was missed, what is new, and a while after the last one the reminder that it was sent."""
        if not self.by_udp():
            return None
        now, history, lines = clock(), self.house.history, [f"udp_{self.token}\n".encode()]
        if self.unsure and now > self.unsure + (6 if self.acked < self.before else 15):
            self.one_way = True                                         # hellos come, and nothing arrives: TCP as well
        if self.head is not None:
            lines.append(b"head_%d\n" % self.head)
            self.head = None
        history.forget()
        while self.again and sum(map(len, lines)) + len(history.lines.get(self.again[0], [b""])[0]) <= DATAGRAM:
            lines.append(history.lines.get(self.again.pop(0), [b""])[0])
        for seq, line in history.after(self.sent) if not self.again else ():
            if sum(map(len, lines)) + len(line) > DATAGRAM:
                break
            lines.append(line)
            self.sent, self.tails, self.unsure = seq, [now + 0.25, now + 1], self.unsure or now
        if len(lines) == 1 and self.tails and now >= self.tails[0]:
            del self.tails[0]
            if self.acked < self.sent:
                lines.append(b"tail_%d\n" % self.sent)
        return b"".join(lines) if len(lines) > 1 else None

class House:
    def __init__(self):
        self.lock, self.clients, self.members, self.logins = threading.RLock(), [], {}, 0
        self.tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        if not bug("no-reuseaddr"):
            self.tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.tcp.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)  # these are also the clients': who is cut off
        for option, value in ((socket.TCP_KEEPIDLE, 10), (socket.TCP_KEEPINTVL, 5), (socket.TCP_USER_TIMEOUT, 25000),
                              (socket.TCP_NODELAY, 1)):                 # has gone after 25 s, and no line is kept back
            self.tcp.setsockopt(socket.IPPROTO_TCP, option, value)
        self.tcp.bind(("127.0.0.1", options.port))
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(("127.0.0.1", options.port))
        os.makedirs(options.data, exist_ok=True)                        # now that nobody else has the port
        self.accounts = Accounts(os.path.join(options.data, "users.csv"))
        self.history = History(os.path.join(options.data, "history"), options.history)
        self.tcp.listen(128)

    def accept(self):
        while True:
            try:
                sock, (came_from, _) = self.tcp.accept()
            except OSError:                                             # no files are left, or it has gone already
                time.sleep(0.1)
                continue
            client = Client(self, sock, came_from)
            with self.lock:
                strangers = [c for c in self.clients if not c.name]
                self.clients.append(client)
                if len(self.clients) > options.max and not strangers:
                    client.close(f"ERR,Server full ({options.max} clients): try again later")
                elif len(self.clients) > options.max:
                    strangers[0].close("notice_The server is full, and you have not logged in")
                client.put("OK,Welcome to the museum: login or signup")
            if bug("one-at-a-time"):
                client.serve()
            else:
                threading.Thread(target=client.serve, daemon=True).start()

    def hear_hellos(self):
        while True:
            data, sender = self.udp.recvfrom(2048)
            found = HELLO.fullmatch(data.rstrip(b"\n"))
            if not found:
                continue
            token, last, top, listed = found.groups()
            last, top = int(last), int(top or 0)
            ranges = [tuple(map(int, part.split(b"-"))) for part in listed.split(b",")] if listed else []
            edges = [last - 1, *(edge for part in ranges for edge in part)]
            rises = all(a + 1 < b for a, b in zip(edges[::2], edges[1::2])) and all(a <= b for a, b in ranges)
            if not rises or ranges and edges[-1] > top:
                continue
            with self.lock:
                for client in self.members.values():
                    if client.token == token.decode():
                        if sender[0] in (client.came_from, client.ip) or bug("hello-from-anywhere"):
                            client.hello(sender, last if ranges else max(last, top), top, ranges)

    def enter(self, client, name):
        """A login. Whoever has that name elsewhere is closed."""
        if name.lower() in self.members:
            old = self.members[name.lower()]
            old.close(f"notice_{name} has logged in from {client.came_from}, terminating this connection")
        self.logins += 1
        n = 1 + self.logins % (1 << 24)                                 # 127.0.0.2, .3, ... in turn
        client.begin(name, f"127.{n >> 16}.{n >> 8 & 255}.{n & 255}")
        client.put(f"udp_{client.token}", f"ip_{client.ip}", f"name_{name}", "menu_Say help for what you can say",
                   "OK,Login successful!")
        self.members[name.lower()] = client

    def leave(self, client):
        if client.name:
            del self.members[client.name.lower()]
        client.name, client.login_by = None, clock() + options.login

    def listed(self):
        return sorted((c for c in self.members.values() if c.active), key=lambda c: c.name.lower())

    def named(self, name):
        for client in self.listed():
            if client.name.lower() == name.lower():
                return client
        raise Refused("User not found!")

    def find(self, address, asker):
        """Whom ADDR means: a name, IP:PORT, or an IP alone."""
        for client in self.listed():
            if address.strip().lower() in (client.name.lower(), f"{client.ip}:{client.port}", client.ip):
                if client is asker:
                    raise Refused("That is you")
                return client
        raise Refused("User not found! Or no such command: try help")

def main():
    global options
    parser = argparse.ArgumentParser(description="A peerline server for this machine, with a bug if you like")
    parser.add_argument("port", type=int, nargs="?", default=4400)
    parser.add_argument("--bug", metavar="NAME", choices=BUGS, help="be broken in this way")
    parser.add_argument("--list", action="store_true", help="name the bugs, and do nothing")
    parser.add_argument("--data", help="the folder for what is kept [default: one that is gone at the end]")
    for name, kind, default in (("idle", float, 1800), ("relogin", float, 1800), ("history", float, 1800),
                                ("login", float, 60), ("max", int, 50), ("rate", int, 20), ("loss", float, 0),
                                ("hash-cost", int, 14)):
        parser.add_argument(f"--{name}", type=kind, default=default, metavar="N")
    options = parser.parse_args()
    if options.list:
        return print("\n".join(f"{name:<24} {idea}" for name, idea in BUGS.items()))
    temporary = None if options.data else tempfile.TemporaryDirectory(prefix="museum-")
    options.data = options.data or temporary.name
    try:
        house = House()
    except OSError as error:
        sys.exit(f"The server cannot start: {error}")
    if bug("dies-with-a-client"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)                   # as most languages have it, but not Python
    signal.signal(signal.SIGTERM, signal.default_int_handler)           # as Ctrl-C
    if sys.stderr and sys.stderr.isatty():                              # for a person, not for what starts servers
        flaw = f"with the bug {options.bug}" if options.bug else "without a bug"
        print(f"The museum listens at 127.0.0.1:{house.tcp.getsockname()[1]}, {flaw}; Ctrl-C ends it", file=sys.stderr)
    for work in house.accept, house.hear_hellos:
        threading.Thread(target=work, daemon=True).start()
    try:
        while True:
            time.sleep(1)
            file = house.history.file                                   # this keeps it open
            os.fsync(file.fileno())
    except KeyboardInterrupt:
        with house.lock:
            leaving = list(house.clients)
            for client in leaving:
                client.close(*(["notice_The server stops, terminating connection"] if client.name else []))
        until = clock() + 2
        while clock() < until and any(client.sock.fileno() >= 0 for client in leaving):
            time.sleep(0.01)

if __name__ == "__main__":
    main()
