"""What a Python program does with COS: it records, it listens, and it works as a member of a durable consumer.

usage: example.py record|subscribe|consume [MODULE [COUNT]]
"""

import os
import pathlib
import queue
import random
import signal
import sys
import threading
import time
import uuid

import grpc
from google.protobuf import json_format
from google.protobuf.duration_pb2 import Duration

from cos.conductor.v1.conductor_service_pb2 import RecordMemoryRequest, SubscribeRequest
from cos.conductor.v1.conductor_service_pb2_grpc import ConductorServiceStub
from cos.highway.v1.consumers_pb2 import Consumer
from cos.highway.v1.consuming_pb2 import ConsumeRequest, Credit, Join, Leave, Settle
from cos.highway.v1.highway_pb2 import Cursor
from cos.highway.v1.highway_service_pb2 import CreateConsumerRequest
from cos.highway.v1.highway_service_pb2_grpc import HighwayServiceStub
from cos.memory.v1.memory_pb2 import Memory

# Where the conductor is, and who calls. (Off this machine: grpc.secure_channel, and a token.)
ADDRESS = os.environ.get("COS_CONDUCTOR_ADDRESS", "localhost:50051")
TOKEN = os.environ.get("COS_TOKEN")
METADATA = [("authorization", f"Bearer {TOKEN}")] if TOKEN else []

# Pings notice a connection that was cut without a word; a server that comes back is found within seconds.
CHANNEL = [
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 5_000),
]

# What passes: nobody was there, the answer was lost, or the member was given up for dead. docs/errors.md has all reasons.
PASSES = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.ABORTED)

# A member that comes back by its own name takes up at once what it held.
MEMBER = str(uuid.uuid4())

stopping = threading.Event()


def persist(call):
    """Calls again and again while the mesh is away, until there is an answer; waits longer and longer, with chance."""
    wait = 0.1
    while not stopping.is_set():
        began = time.monotonic()
        try:
            return call()
        except grpc.RpcError as error:
            if error.code() not in PASSES:
                raise
            print(f"lost: {error.code().name}", file=sys.stderr)
        wait = 0.1 if time.monotonic() - began > 5 else min(wait * 2, 5)
        stopping.wait(wait * random.uniform(0.5, 1))


def record(channel, module, count):
    """Records some memories. The key makes it safe to call again: nothing is ever recorded twice."""
    conductor = ConductorServiceStub(channel)
    for n in range(1, count + 1):
        memory = Memory(module=module, event_type="note", source="python", text=f"Hello from Python, {n}")
        request = RecordMemoryRequest(memory=memory, idempotency_key=f"python-{n}")
        answer = persist(lambda: conductor.RecordMemory(request, timeout=10, metadata=METADATA))
        print(f"{module}/{answer.memory.position}", "was there" if answer.deduplicated else "recorded", flush=True)


def subscribe(channel, module, _count):
    """Listens from where it stopped last: a file keeps the cursor. (Kept in one transaction with what you do with the events,
    it would give exactly-once effect.)"""
    conductor = ConductorServiceStub(channel)
    file = pathlib.Path(f"cursor-{module}.json")
    # Position 0 is the place before the first memory.
    place = json_format.Parse(file.read_text(), Cursor()) if file.exists() else Cursor(module=module)

    def move(after, cursor, events=()):
        nonlocal place
        # Each frame says from where to where it leads: that proves that nothing is missing and nothing comes twice.
        if after != place.position:
            raise RuntimeError(f"a gap: the stream goes on above {after}, not above {place.position}")
        for event in events:
            print(f"{module}/{event.memory.position} {event.memory.text}", flush=True)
        new = file.with_suffix(".new")
        new.write_text(json_format.MessageToJson(cursor))
        new.replace(file)
        place = cursor

    def listen():
        for response in conductor.Subscribe(SubscribeRequest(modules=[module], cursors=[place]), metadata=METADATA):
            kind = response.WhichOneof("frame")
            if kind == "batch":
                move(response.batch.after, response.batch.cursor, response.batch.events)
            elif kind in ("started", "checkpoint"):
                for progress in getattr(response, kind).progress:
                    move(progress.after, progress.cursor)
            elif kind == "go_away":
                time.sleep(response.go_away.retry_after.ToTimedelta().total_seconds())

    while True:
        persist(listen)


def consume(channel, module, _count):
    """Works as a member of a durable consumer, whose place the mesh keeps: start it twice, and both share the work."""
    highway = HighwayServiceStub(channel)
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, lambda *_: stopping.set())
    name = f"example-{module}".replace("_", "-")
    consumer = Consumer(name=name, modules=[module], key=Consumer.KEY_SOURCE, lease=Duration(seconds=6))
    request = CreateConsumerRequest(consumer=consumer, from_beginning=True)
    persist(lambda: highway.CreateConsumer(request, timeout=10, metadata=METADATA))
    while not stopping.is_set():
        persist(lambda: work(highway, name))


def work(highway, consumer):
    """One stream of a member. Ctrl-C asks for no more work, finishes what is there, and takes leave."""
    said, working = queue.SimpleQueue(), False

    def speak():
        yield ConsumeRequest(join=Join(consumer=consumer, member=MEMBER))
        # One at a time: after one that fails, what follows of its key waits for it. (With more in hand: docs/consumers.md, rule 1.)
        yield ConsumeRequest(credit=Credit(events=1))
        while working or not stopping.is_set() or not said.empty():
            try:
                yield said.get(timeout=1)
            except queue.Empty:
                yield ConsumeRequest(credit=Credit(events=0))  # A sign of life: a silence of the lease would cost it its work.
        yield ConsumeRequest(leave=Leave())

    for response in highway.Consume(speak(), metadata=METADATA):
        working = True
        for delivery in response.deliveries.deliveries:
            memory = delivery.event.memory
            settle = Settle(module=memory.module, positions=[memory.position], generation=response.deliveries.generation)
            try:
                # The work. It may come again: (module, position) recognises that.
                print(f"{memory.module}/{memory.position} done, try {delivery.attempt}", flush=True)
            except Exception as error:
                settle.outcome, settle.error = Settle.OUTCOME_RETRY, str(error)[:2000]
            said.put(ConsumeRequest(settle=settle))
            if not stopping.is_set():
                said.put(ConsumeRequest(credit=Credit(events=1)))
        working = False
        if response.HasField("go_away"):
            time.sleep(response.go_away.retry_after.ToTimedelta().total_seconds())


def main(what, module="cc", count="5"):
    with grpc.insecure_channel(ADDRESS, CHANNEL) as channel:
        {"record": record, "subscribe": subscribe, "consume": consume}[what](channel, module, int(count))


try:
    main(*sys.argv[1:])
except KeyboardInterrupt:
    pass
