"""Tasks and those who hold them: who starts, keeps, joins, cancels, hands on."""
