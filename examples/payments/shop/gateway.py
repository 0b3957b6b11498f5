"""The card network, over HTTP."""

import httpx
from tenacity import retry, stop_after_attempt, wait_fixed


class Gateway:
    """One client for all requests; two seconds for each."""

    def __init__(self) -> None:
        self.http = httpx.AsyncClient(base_url="https://cards.example", timeout=2)

    @retry(stop=stop_after_attempt(3), wait=wait_fixed(0.5))
    async def debit(self, account: str, amount: int) -> None:
        """Take the money."""
        reply = await self.http.post("/debits", json={"account": account, "amount": amount})
        reply.raise_for_status()

    async def credit(self, account: str, amount: int) -> None:
        """Give it back."""
        reply = await self.http.post("/credits", json={"account": account, "amount": amount}, timeout=1)
        reply.raise_for_status()

    async def rate(self, currency: str) -> float | None:
        """What a currency is worth; None where nobody says in time."""
        try:
            reply = await self.http.get(f"/rates/{currency}", timeout=0.5)
        except httpx.TimeoutException:
            return None
        return float(reply.json()["rate"])
