"""The service's routes."""

import asyncio
from typing import Annotated

from cancelcheck.markers import compensable, sla
from fastapi import Depends, FastAPI

from shop.gateway import Gateway
from shop.repository import Repository
from shop.service import Payments, give_back

app = FastAPI()


def payments() -> Payments:
    """The service, as a route has it."""
    return Payments(Gateway(), Repository(sessions()))


def sessions():
    """A session of the pool."""
    raise NotImplementedError


@app.post("/charges")
@sla(timeout=2.0)
@compensable(give_back)
async def charge(account: str, amount: int, service: Annotated[Payments, Depends(payments)]) -> dict:
    """Charge a card."""
    await service.charge(account, amount)
    return {"account": account}


@app.get("/charges/{charge_id}")
@sla(timeout=1.0, read_only=True)
async def read_charge(charge_id: str, repository: Repository) -> dict:
    """What became of a charge: in time, or not at all."""
    async with asyncio.timeout(1):
        return {"amount": await repository.load(charge_id)}
