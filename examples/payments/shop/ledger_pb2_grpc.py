"""What gRPC's compiler makes of ledger.proto."""

import grpc


class LedgerStub:
    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.Post = channel.unary_unary("/ledger.Ledger/Post")


class LedgerServicer:
    async def Post(self, request, context):
        raise NotImplementedError
