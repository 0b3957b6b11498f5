"""The ledger: a service of its own, and a client for it."""

import asyncio

import grpc

from shop.ledger_pb2_grpc import LedgerServicer, LedgerStub

channel = grpc.aio.insecure_channel("ledger.example:50051")
stub = LedgerStub(channel)


async def post(entry: dict) -> None:
    """Have an entry written."""
    await stub.Post(entry)


class Ledger(LedgerServicer):
    """Writes entries down."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.entries: list[dict] = []

    async def Post(self, request, context):
        """Write one down."""
        async with asyncio.timeout(1):
            await self.flush(request)

    async def flush(self, entry: dict) -> None:
        """Half a second of work."""
        self.entries.append(entry)
        await asyncio.sleep(0.5)
