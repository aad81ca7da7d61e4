"""What a Python service does with COS, by grpcio and stubs that protoc made: told as one JSON object.

usage: client.py ADDRESS (with the folder of the stubs in PYTHONPATH)
"""

import json
import sys

import grpc
from google.protobuf.json_format import MessageToDict
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from cos.conductor.v1 import conductor_service_pb2 as conductor
from cos.conductor.v1 import conductor_service_pb2_grpc, module_service_pb2, module_service_pb2_grpc
from cos.highway.v1 import highway_pb2
from cos.memory.v1 import memory_pb2

MODULE = "from_python"
SERVICE = "cos.conductor.v1.ConductorService"


def listen(stub, until, **start):
    """The positions heard from a start on, and the cursor after the last of them."""
    heard, cursor = [], None
    stream = stub.Subscribe(conductor.SubscribeRequest(modules=[MODULE], **start))
    for response in stream:
        if response.WhichOneof("frame") != "batch":
            continue
        heard += [event.memory.position for event in response.batch.events]
        cursor = response.batch.cursor
        if cursor.position >= until:
            stream.cancel()
            return heard, cursor
    raise RuntimeError("the stream ended")


def record(stub, text, key=""):
    memory = memory_pb2.Memory(module=MODULE, event_type="note", source="python", text=text)
    return stub.RecordMemory(conductor.RecordMemoryRequest(memory=memory, idempotency_key=key), timeout=10)


def refusal(stub):
    """How a memory without text is refused."""
    try:
        record(stub, "")
    except grpc.RpcError as error:
        details = dict(error.trailing_metadata()).get("grpc-status-details-bin", b"")
        return {"code": error.code().name, "names_field": b"memory.text" in details}
    return {"code": "OK"}


def services(channel):
    stub = reflection_pb2_grpc.ServerReflectionStub(channel)
    answers = stub.ServerReflectionInfo(iter([reflection_pb2.ServerReflectionRequest(list_services="")]))
    return [service.name for service in next(answers).list_services_response.service]


def main(address):
    with grpc.insecure_channel(address) as channel:
        stub = conductor_service_pb2_grpc.ConductorServiceStub(channel)
        modules = module_service_pb2_grpc.ModuleServiceStub(channel)
        modules.RegisterModule(
            module_service_pb2.RegisterModuleRequest(module=module_service_pb2.Module(name=MODULE))
        )
        health = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(service=SERVICE))
        first = record(stub, "Üp betimes", key="first")
        again = record(stub, "Üp betimes", key="first")
        for n in range(2):
            record(stub, f"{n}")
        heard, cursor = listen(stub, 3, from_beginning=True)
        for n in range(2):
            record(stub, f"later {n}")
        resumed, _ = listen(stub, 5, cursors=[highway_pb2.Cursor.FromString(cursor.SerializeToString())])
        print(
            json.dumps(
                {
                    "health": health_pb2.HealthCheckResponse.ServingStatus.Name(health.status),
                    "services": services(channel),
                    "first": MessageToDict(first)["memory"]["text"],
                    "deduplicated": again.deduplicated,
                    "heard": heard,
                    "resumed": resumed,
                    "refusal": refusal(stub),
                }
            )
        )


main(sys.argv[1])
