"""Asks DNS as a stub resolver does: one message over UDP or TCP, without a library."""

import os
import socket
import struct

TYPES = {'A': 1, 'NS': 2, 'CNAME': 5, 'SOA': 6, 'PTR': 12, 'MX': 15, 'TXT': 16, 'AAAA': 28, 'SRV': 33, 'CAA': 257}
NAMES = {number: name for name, number in TYPES.items()}
CODES = {0: 'NOERROR', 1: 'FORMERR', 2: 'SERVFAIL', 3: 'NXDOMAIN', 4: 'NOTIMP', 5: 'REFUSED'}


def query(name, kind, recursion=False):
    labels = b''.join(bytes([len(label)]) + label.encode() for label in name.rstrip('.').split('.'))
    return os.urandom(2) + struct.pack('!HHHHH', 0x100 if recursion else 0, 1, 0, 0, 0) + labels + b'\0' + struct.pack('!HH', TYPES[kind], 1)


def read_name(data, at):
    labels, end = [], None
    while True:
        size = data[at]
        if size >= 0xC0:
            end = end or at + 2
            at = (size & 0x3F) << 8 | data[at + 1]
            continue
        at += 1
        if not size:
            return '.'.join(labels) + '.', end or at
        labels.append(data[at:at + size].decode('latin-1'))
        at += size


def read_data(data, at, size, kind):
    if kind == 'A':
        return socket.inet_ntop(socket.AF_INET, data[at:at + 4])
    if kind == 'AAAA':
        return socket.inet_ntop(socket.AF_INET6, data[at:at + 16])
    if kind in ('CNAME', 'NS', 'PTR'):
        return read_name(data, at)[0]
    if kind == 'MX':
        return struct.unpack('!H', data[at:at + 2])[0], read_name(data, at + 2)[0]
    if kind == 'SRV':
        return (*struct.unpack('!HHH', data[at:at + 6]), read_name(data, at + 6)[0])
    if kind == 'SOA':
        primary, at = read_name(data, at)
        mail, at = read_name(data, at)
        return (primary, mail, *struct.unpack('!IIIII', data[at:at + 20]))
    if kind == 'TXT':
        texts, end = [], at + size
        while at < end:
            texts.append(data[at + 1:at + 1 + data[at]].decode('latin-1'))
            at += 1 + data[at]
        return tuple(texts)
    return data[at:at + size]


class Answer:
    """code, authoritative, truncated; answer and authority: (name, type, ttl, data)."""

    def __init__(self, data):
        flags, questions, *counts = struct.unpack('!HHHHH', data[2:12])
        self.code, self.authoritative, self.truncated = CODES[flags & 15], bool(flags & 0x400), bool(flags & 0x200)
        self.recursion_available = bool(flags & 0x80)
        at = 12
        for _ in range(questions):
            at = read_name(data, at)[1] + 4
        sections = []
        for count in counts:
            rows = []
            for _ in range(count):
                name, at = read_name(data, at)
                number, _, ttl, size = struct.unpack('!HHIH', data[at:at + 10])
                kind = NAMES.get(number, str(number))
                rows.append((name, kind, ttl, read_data(data, at + 10, size, kind)))
                at += 10 + size
            sections.append(rows)
        self.answer, self.authority, _ = sections

    @property
    def values(self):
        return [row[3] for row in self.answer]


def receive(connection, size):
    data = b''
    while len(data) < size:
        piece = connection.recv(size - len(data))
        if not piece:
            raise AssertionError('the name server closed the connection')
        data += piece
    return data


def ask(server, name, kind='A', tcp=False):
    """server: "127.0.0.1:4553"."""
    host, port = server.rsplit(':', 1)
    message = query(name, kind)
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM) as connection:
        connection.settimeout(20)
        connection.connect((host, int(port)))
        if tcp:
            connection.sendall(struct.pack('!H', len(message)) + message)
            answer = receive(connection, struct.unpack('!H', receive(connection, 2))[0])
        else:
            connection.send(message)
            answer = connection.recv(65535)
    assert answer[:2] == message[:2]
    return Answer(answer)
