"""What is written down."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession


class Repository:
    """Charges in the database."""

    def __init__(self, session: AsyncSession) -> None:
        self.session = session

    async def save(self, charge_id: str, amount: int) -> None:
        """Write a charge down."""
        await self.session.execute(
            text("INSERT INTO charges VALUES (:id, :amount)"), {"id": charge_id, "amount": amount}
        )
        await self.session.commit()

    async def load(self, charge_id: str) -> int:
        """Read one."""
        found = await self.session.scalar(text("SELECT amount FROM charges WHERE id = :id"), {"id": charge_id})
        return int(found)
