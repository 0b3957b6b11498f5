"""What a charge is made of."""

from shop import ledger
from shop.gateway import Gateway
from shop.repository import Repository
from shop.tasks import send_receipt


async def give_back(account: str) -> None:
    """Undo a charge."""
    await Gateway().credit(account, 0)


class Payments:
    """Charges and refunds."""

    def __init__(self, gateway: Gateway, repository: Repository) -> None:
        self.gateway = gateway
        self.repository = repository

    async def charge(self, account: str, amount: int) -> None:
        """Debit, write down, post to the ledger, and have a receipt sent."""
        rate = await self.gateway.rate("EUR")
        await self.gateway.debit(account, round(amount * (rate or 1)))
        await self.repository.save(account, amount)
        await ledger.post({"account": account, "amount": amount})
        send_receipt.delay(account)
