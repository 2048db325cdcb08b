"""Connecting to the TWS stand-in: restarts, client ids, killed clients, and who does not speak its protocol."""

import socket
import subprocess
import sys

import pytest

from simulators.tws import TwsSimulator
from simulators.tws.framing import encode, frame
from simulators.tws.requests import Kind
from tests.support.ib_library import NVDA, buy, connected, filled, ib, limit, settle, until


def test_the_book_outlives_a_restart() -> None:
    with TwsSimulator() as tws:
        with connected(tws) as client:
            filled(client, NVDA, buy(10, "filled"))
            rest = client.placeOrder(NVDA, limit("BUY", 10, 480, "rest"))
            until(client, lambda: rest.orderStatus.status == "Submitted")
            port = tws.port
            tws.restart()
            until(client, lambda: not client.isConnected())
        assert tws.port == port
        tws.price("NVDA", 479)
        with connected(tws) as client:
            # Commissions come behind the end of the executions, for which the library waits.
            settle(client)
            assert [fill.execution.orderRef for fill in client.fills()] == ["filled", "rest"]
            assert [fill.commissionReport.commission for fill in client.fills()] == [1.0, 1.0]
            assert client.openTrades() == []
            assert client.client.getReqId() > rest.order.orderId


def test_a_port_without_a_server_refuses_and_comes_back() -> None:
    with TwsSimulator() as tws:
        tws.stop()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((tws.host, tws.port), timeout=10)
        tws.start()
        with connected(tws) as client:
            assert client.isConnected()


def test_a_client_id_that_is_in_use() -> None:
    """Error 326 and the end of the connection; the library says no more than that time ran out."""
    with TwsSimulator() as tws, connected(tws):
        errors: list[int] = []
        second = ib.IB()
        second.errorEvent += lambda _, code, *__: errors.append(code)
        with pytest.raises(TimeoutError):
            second.connect(tws.host, tws.port, clientId=7, timeout=0.2)
        assert errors == [326]
        assert tws.clients == (7,)


CLIENT = """
import socket, struct, sys
with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as sock:
    for payload in (b"v157..176", b"71\\x002\\x007\\x00\\x00"):
        sock.sendall((b"API\\0" if payload[:1] == b"v" else b"") + struct.pack(">I", len(payload)) + payload)
    while b"DU1234567" not in sock.recv(4096):
        pass
    print("connected", flush=True)
    sys.stdin.read()
"""


def test_the_id_of_a_killed_client_is_free_at_once() -> None:
    with TwsSimulator() as tws:
        for _ in range(5):
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
            with subprocess.Popen([sys.executable, "-c", CLIENT, str(tws.port)], **pipes) as process:
                assert process.stdout is not None
                assert process.stdout.readline() == b"connected\n"
                process.kill()
            with connected(tws) as client:
                assert tws.clients == (7,)
                assert client.isConnected()


@pytest.mark.parametrize(
    "greeting",
    [b"GET / HTTP/1.1\r\n\r\n", b"API\0" + frame(b"hello"), b"API\0" + frame(b"v157..176") + frame(b"61\0001\0")],
)
def test_who_does_not_speak_the_protocol_is_cut(greeting: bytes) -> None:
    with TwsSimulator() as tws:
        with socket.create_connection((tws.host, tws.port), timeout=10) as sock:
            sock.sendall(greeting)
            while sock.recv(4096):
                pass
        with connected(tws) as client:
            assert client.isConnected()


def test_versions_and_faults_are_checked() -> None:
    with pytest.raises(ValueError, match="the server version 179 is not between 170 and 178"):
        TwsSimulator(server_version=179)
    with pytest.raises(RuntimeError, match="never started"):
        _ = TwsSimulator().port


def test_a_client_that_reads_slowly_gets_everything() -> None:
    """More than the sockets hold waits at the server until the client reads."""
    account = "DU" + "1" * 12_000_000
    with TwsSimulator(accounts=[account]) as tws, socket.create_connection((tws.host, tws.port), timeout=10) as sock:
        sock.sendall(b"API\0" + frame(b"v157..176") + encode(71, 2, 7, ""))
        tws.wait_for(Kind.START_API)
        received = bytearray()
        while not received.endswith(b"secdefnj\0\0"):
            received += sock.recv(1_000_000)
        assert account.encode() in received


def test_hundreds_of_starts() -> None:
    for _ in range(300):
        with TwsSimulator() as tws, socket.create_connection((tws.host, tws.port), timeout=10):
            pass
