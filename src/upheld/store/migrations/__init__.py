"""The forms that the database has had, each made from the one before. Only ever add to them."""
