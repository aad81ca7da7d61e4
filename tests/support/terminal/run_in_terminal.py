# Runs a command in a pseudo-terminal of its own, as a shell would: in a process group that can be stopped and goes on.
#
# Arguments: columns, rows, the command. Standard output is what the terminal was sent. Standard input takes orders, a JSON list a line:
# ["type", text], ["resize", columns, rows], ["signal", name], ["hangup"]. What happens is told on standard error, a JSON list a line:
# ["started", pid], ["stopped", modes], ["continued"], ["ended", code, modes]; modes say whether the terminal echoes and gathers lines.
import fcntl, json, os, pty, select, signal, struct, sys, termios


def tell(*what):
    sys.stderr.write(json.dumps(what) + "\n")
    sys.stderr.flush()


def resize(fd, columns, rows):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def modes(fd):
    flags = termios.tcgetattr(fd)[3]
    return bool(flags & termios.ECHO) and bool(flags & termios.ICANON)


columns, rows, command = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
terminal, theirs = pty.openpty()
resize(terminal, columns, rows)
own = os.getpid()
session = os.fork()
if session == 0:
    # The shell: it leads the session, its command has a group in the foreground, and it is told when that stops.
    os.setsid()
    fcntl.ioctl(theirs, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    os.close(terminal)
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        os.tcsetpgrp(theirs, os.getpgid(0))
        for signal_number in (signal.SIGTTOU, signal.SIGHUP):
            signal.signal(signal_number, signal.SIG_DFL)
        for fd in (0, 1, 2):
            os.dup2(theirs, fd)
        os.execvp(command[0], command)
    tell("started", child)
    while True:
        _, status = os.waitpid(child, os.WUNTRACED | os.WCONTINUED)
        if os.WIFSTOPPED(status):
            os.tcsetpgrp(theirs, os.getpgid(0))
            tell("stopped", modes(theirs))
            os.tcsetpgrp(theirs, child)
        elif os.WIFCONTINUED(status):
            tell("continued")
        else:
            try:
                whole = modes(theirs)
            except termios.error:
                whole = None
            tell("ended", os.waitstatus_to_exitcode(status), whole)
            os._exit(0)

orders = b""
is_open, listens = True, True
while is_open or listens:
    readable = ([terminal] if is_open else []) + ([0] if listens else [])
    ready, _, _ = select.select(readable, [], [], 0.05)
    if not ready and os.waitpid(session, os.WNOHANG)[0] != 0:
        break
    if terminal in ready:
        try:
            data = os.read(terminal, 65536)
        except OSError:
            data = b""
        if data:
            os.write(1, data)
        else:
            is_open = False
    if 0 in ready:
        data = os.read(0, 65536)
        listens = bool(data)
        orders += data
        while b"\n" in orders:
            line, orders = orders.split(b"\n", 1)
            order = json.loads(line)
            if order[0] == "type":
                os.write(terminal, order[1].encode())
            elif order[0] == "resize":
                resize(terminal, order[1], order[2])
            elif order[0] == "signal":
                os.killpg(order[2], getattr(signal, order[1]))
            elif order[0] == "hangup":
                os.close(terminal)
                os.close(theirs)
                is_open = False
